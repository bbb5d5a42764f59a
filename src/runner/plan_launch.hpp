// What joins a plan, the operands it is launched over and the stopwatch, which knows neither.
#pragma once

#include <vector>

#include "plan/plan.hpp"
#include "proof/rotating_sets.hpp"
#include "timing/stopwatch.hpp"

namespace ak {

/// plan and sets must outlive it.
inline Launch launch_of(const LaunchPlan& plan, const RotatingSets& sets) {
  return [&plan, &sets](CUstream stream, int set) { plan.launch(stream, sets.args(set)); };
}

inline Rotation rotation_of(const RotatingSets& sets) { return {sets.count(), sets.self_evicting()}; }

struct PlanArm : Arm {
  const LaunchPlan* plan = nullptr;
};

/// As a window takes them; arms must outlive the answer.
template <class AnyArm>
std::vector<const Arm*> pointers_to(const std::vector<AnyArm>& arms) {
  std::vector<const Arm*> pointers;
  for (const Arm& arm : arms) pointers.push_back(&arm);
  return pointers;
}

}  // namespace ak
