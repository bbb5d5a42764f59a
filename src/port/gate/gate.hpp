// What a kernel text that nobody here has written may be made of. It is read before any compiler reads it: what is not known
// to be harmless is refused, and said so that its author can mend it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loop/function.hpp"
#include "loop/launch.hpp"
#include "port/templates/templates.hpp"

namespace ak::port {

inline constexpr std::size_t kMostKernelText = 16 << 10;  // bytes

/// What a text is to define, and is asked for in these words.
struct GateNames {
  std::vector<std::string> kernels;       // each once, `extern "C" __global__ void NAME(parameters)`, and no other
  std::optional<std::string> parameters;  // of all of them, as kernel_parameters() has it: types count, names do not; or any
};
/// Of a candidate's kernels, in the order of their first launches.
GateNames gate_names(const loop::Candidate& candidate, const loop::Function& function, bool overlapping);

struct Refusal {
  int line = 0;      // from 1, of the text; 0: of no line, something is missing or the whole is too long
  std::string word;  // that is refused, at most 40 characters; empty where line is 0
  std::string why;   // and what to do instead
  /// "line 12: 'asm': no inline assembly; use the prelude's load_acquire, store_release": one line in ASCII, whatever the text
  /// has.
  std::string text() const;
};

/// Nothing: compilers may read the text (a candidate's own, without the prelude) and the emulator may run it. That it is right,
/// or stays within its arrays, is not said. Linear in the text's length; throws nothing but bad_alloc.
std::optional<Refusal> refused(std::string_view text, const GateNames& names);

/// The same rules for a prompt, in some 250 words.
std::string_view gate_rules();

}  // namespace ak::port
