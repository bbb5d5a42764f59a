// Planted wrong kernels: real ones with a change to their source. Verification must accept none of them, and must refuse none
// of the same kernels without the change.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"

namespace ak::proof {

struct Planted {
  std::string name;                                          // what is wrong
  std::string problem;                                       // parse_problem
  std::string tactic;                                        // a family and the knobs that matter: find_tactic
  std::vector<std::pair<std::string, std::string>> changes;  // each replaces the first occurrence of `first`

  /// The mutated source. Throws Error{internal} when a change does not apply.
  std::string apply(std::string source) const;
};

const std::vector<Planted>& planted_kernels();

/// The cheapest tactic of the named family that has the named knobs: "sm80 store=0 split_k=4".
std::optional<Tactic> find_tactic(const Problem& problem, std::string_view text, const DeviceFacts& device);

}  // namespace ak::proof
