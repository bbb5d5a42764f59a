// Recurrences by an associative law: x[i] = m x[i - d] + c and its kin, sums and extrema that the loop uses as it goes.
#include "port/templates/tiles.hpp"

namespace ak::port {

std::vector<Stage> scan_stages(const Work& work) {
  if (work.group.loops.empty() || work.group.loops.back().role != loop::Role::scan) return {};
  return tile_stages(work, "scan");
}

}  // namespace ak::port
