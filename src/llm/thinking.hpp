// What a model says before it answers.
#pragma once

#include <string_view>

namespace ak {

/// The answer behind a <think> block; of one that was never closed, cut off while it thought, what came before it.
inline std::string_view without_thinking(std::string_view text) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  if (const auto end = text.rfind(kClose); end != text.npos) return text.substr(end + kClose.size());
  return text.substr(0, text.find(kOpen));
}

}  // namespace ak
