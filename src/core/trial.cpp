#include "core/trial.hpp"

namespace ak {
namespace {
constexpr std::string_view kNames[] = {"correct", "constraints", "compile", "spills", "runtime", "timeout", "incorrect"};
constexpr std::string_view kRegimes[] = {"chain", "alone", "mixed"};
}  // namespace

std::string_view name(Outcome outcome) { return kNames[static_cast<int>(outcome)]; }

std::optional<Outcome> parse_outcome(std::string_view text) {
  for (int i = 0; i < 7; ++i)
    if (kNames[i] == text) return static_cast<Outcome>(i);
  return std::nullopt;
}

std::string_view name(Regime regime) { return kRegimes[static_cast<int>(regime)]; }

std::optional<Regime> parse_regime(std::string_view text) {
  for (int i = 0; i < 3; ++i)
    if (kRegimes[i] == text) return static_cast<Regime>(i);
  return std::nullopt;
}

}  // namespace ak
