// Packing and unpacking: an iteration's place is the count of the earlier ones that took one.
#include "port/templates/tiles.hpp"

namespace ak::port {

std::vector<Stage> compact_stages(const Work& work) {
  if (work.group.loops.empty() || work.group.loops.back().role != loop::Role::compact) return {};
  return tile_stages(work, "compact");
}

}  // namespace ak::port
