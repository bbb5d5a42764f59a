// Space: all tactics that the families allow for a problem on a device, ranked by the cost model.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"

namespace ak {

struct RankedTactic {
  Tactic tactic;
  double cost_us = 0;  // predicted
};

struct Space {
  std::vector<RankedTactic> tactics;  // cheapest first
  std::vector<std::string> refusals;  // "sm90: A is not 16-byte aligned", one per family that serves nothing

  /// Why a tactic, listed above or not, cannot run; nullopt when it can. Whatever a proposer names passes here first.
  std::function<std::optional<std::string>(const Tactic&)> rejects;
  /// Predicted microseconds of a tactic that rejects() lets pass.
  std::function<double(const Tactic&)> cost_us;
};

/// Enumerates every own family, drops what Family::rejects names, ranks the rest.
Space make_space(const Problem& problem, const DeviceFacts& device);

}  // namespace ak
