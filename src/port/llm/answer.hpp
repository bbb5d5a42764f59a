// A language model's answer -> a candidate. Untrusted text: whatever it is, reading it is bounded, and what is missing is said
// in one line. Whether its kernels may be compiled is not decided here (gate.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "loop/function.hpp"
#include "loop/launch.hpp"

namespace ak::port {

struct KernelAnswer {
  loop::Candidate candidate;  // same_bits is left to who judges
  std::string why;            // the model's reason: one printable line, may be empty
  std::string fault;          // one line for the model, of what is missing or wrong; empty: the candidate is whole

  bool ok() const { return fault.empty(); }
};

inline constexpr std::size_t kMostAnswer = 1u << 20, kMostLaunches = 16, kMostScratch = 16;

/// One object of JSON and one block of code between ``` lines, as kernel_prompt() asks for; prose around them and a <think>
/// block before them do no harm.
KernelAnswer read_answer(std::string_view answer, const loop::Function& function);

/// A candidate as such an answer.
std::string answer_text(const loop::Candidate& candidate, const std::string& why);

}  // namespace ak::port
