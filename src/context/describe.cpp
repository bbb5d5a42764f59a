#include "context/describe.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ak {

std::string served_by(const Tactic& tactic) {
  if (!is_vendor(tactic)) return to_string(tactic);
  const char* const how[] = {"", " + separate pass", ", gate and up apart, + separate pass"};
  return fmt::format("cuBLASLt, heuristic {}{}", tactic.algo, how[std::clamp<int>(tactic.separate, 0, 2)]);
}

std::string describe(const Hardware& h) {
  return fmt::format("{} sm_{} {} SMs{}{}", h.gpu, h.compute, h.sm_count, h.mig.empty() ? "" : " MIG " + h.mig,
                     h.recording.empty() ? "" : " (recording " + h.recording + ")");
}

std::string joined(const std::string& note, const std::string& more) {
  return note.empty() || more.empty() ? note + more : fmt::format("{}; {}", note, more);
}

}  // namespace ak
