#include "search/space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "families/family.hpp"

namespace ak {
Space make_space(const Problem& problem, const DeviceFacts& device) {
  Space space;
  std::unordered_set<Tactic, TacticHash> seen;
  for (const Family* family : families()) {
    if (const auto why = family->refuses(problem, device)) {
      space.refusals.push_back(fmt::format("{}: {}", name(family->id()), *why));
      continue;
    }
    std::vector<Tactic> listed;
    family->enumerate(problem, device, listed);
    for (const Tactic& tactic : listed) {
      if (!seen.insert(tactic).second || family->rejects(problem, tactic, device)) continue;
      const double cost = family->cost_us(problem, tactic, device);
      if (std::isfinite(cost)) space.tactics.push_back({tactic, cost});
    }
  }
  std::stable_sort(space.tactics.begin(), space.tactics.end(),
                   [](const RankedTactic& a, const RankedTactic& b) { return a.cost_us < b.cost_us; });

  space.rejects = [problem, device](const Tactic& tactic) -> std::optional<std::string> {
    const Family* family = find_family(tactic.family);
    if (!family) return fmt::format("'{}' is not an own kernel family", name(tactic.family));
    if (auto why = family->refuses(problem, device)) return why;
    return family->rejects(problem, tactic, device);
  };
  space.cost_us = [problem, device](const Tactic& tactic) { return family(tactic.family).cost_us(problem, tactic, device); };
  return space;
}

}  // namespace ak
