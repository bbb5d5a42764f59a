// Lines of what the emulator runs: the kernels' own from 1, the prelude's behind them, so that none is taken for another.
#pragma once

#include <fmt/format.h>

#include <string>

namespace ak::loop {

/// Stands in a text between the prelude and the kernels: lines are theirs from here on.
inline constexpr const char* kKernelLines = "#line 1 \"kernel\"\n";

constexpr int kPreludeLines = 1'000'000;

inline std::string line_text(int line) {
  return line > kPreludeLines ? fmt::format("line {} of the prelude", line - kPreludeLines) : fmt::format("line {}", line);
}

}  // namespace ak::loop
