#include <algorithm>

#include "port/gate/gate.hpp"
#include "port/templates/templates.hpp"

namespace ak::port {

GateNames gate_names(const loop::Candidate& candidate, const loop::Function& function, bool overlapping) {
  GateNames names;
  for (const loop::Launch& launch : candidate.launches)
    if (!std::ranges::count(names.kernels, launch.kernel)) names.kernels.push_back(launch.kernel);
  names.parameters = kernel_parameters(function, candidate.scratch, overlapping);
  return names;
}

}  // namespace ak::port
