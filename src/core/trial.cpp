#include "core/trial.hpp"

namespace ak {
namespace {
constexpr std::string_view kNames[] = {"correct", "constraints", "compile", "spills", "runtime", "timeout", "incorrect"};
}

std::string_view name(Outcome outcome) { return kNames[static_cast<int>(outcome)]; }

std::optional<Outcome> parse_outcome(std::string_view text) {
  for (int i = 0; i < 7; ++i)
    if (kNames[i] == text) return static_cast<Outcome>(i);
  return std::nullopt;
}

}  // namespace ak
