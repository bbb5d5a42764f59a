// The question to a language model: a function, what is known of it, and what kernels must be. The same facts give the same
// text, byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loop/verdict.hpp"
#include "loop/winner.hpp"
#include "port/llm/skeletons.hpp"

namespace ak::port {

/// How much it says.
enum class PromptArm : std::uint8_t {
  bare,      // the C text alone
  verdict,   // and the analysis
  skeleton,  // and another loop of the class with its kernels
};
constexpr std::string_view kPromptArms[] = {"bare", "verdict", "skeleton"};
constexpr std::string_view name(PromptArm arm) { return kPromptArms[static_cast<int>(arm)]; }

struct KernelPrompt {
  std::string system, user;
};

struct KernelFacts {
  loop::Verdict verdict;  // of the call
  std::string text;       // the C text; empty: the normal form stands for it
  bool region = false;    // the text is of a loop's body
  loop::CallClass call;
  bool same_bits = true;            // as it is judged
  std::vector<Skeleton> skeletons;  // the best first, of an arm that shows one
};

/// Of the skeletons the first is shown with which it stays within kMostKernelPrompt, else the shortest.
inline constexpr std::size_t kMostKernelPrompt = 8000;  // bytes: some 2,000 tokens
KernelPrompt kernel_prompt(const KernelFacts& facts, PromptArm arm);

}  // namespace ak::port
