// Loops around each other as one loop over all of their iterations, in C's order.
#pragma once

#include <vector>

#include "port/templates/templates.hpp"

namespace ak::port {

struct Collapsed {
  Work work;
  std::vector<loop::Local> variables;  // of the loops, which its iterations set
};

/// The work as it is where it has one loop, or its loops are of different roles, have statements between them, or bounds that
/// move or cannot be told before the launch.
Collapsed collapsed(const Work& work);

}  // namespace ak::port
