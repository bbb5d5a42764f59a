// Runs a loop::Function and records what depends on what while it runs.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "loop/function.hpp"

namespace ak::test {

/// A dependence as it happened; within one iteration of all common loops: loop 0, distance 0.
struct SeenDependence {
  enum class Kind { flow, anti, output };
  Kind kind = Kind::flow;
  std::string name;
  int from = 0, to = 0;  // nodes
  int loop = 0;
  std::int64_t distance = 0;
  auto operator<=>(const SeenDependence&) const = default;
};

struct Observed {
  std::set<SeenDependence> dependences;
  bool finished = true;  // within the limit of steps
};

/// Arrays have no bounds here: an element that was never written holds a value that depends on `seed`, its array and its place;
/// of integers one in [0, 8).
Observed observe(const loop::Function& function, const loop::Values& integers, unsigned seed, int most_steps = 20000);

}  // namespace ak::test
