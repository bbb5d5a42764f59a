// Recurrences by an associative law: x[i] = m x[i - d] + c and its kin, sums and extrema that the loop uses as it goes; and
// what an iteration takes from the one before, where it cannot compute that again because the loop overwrites what it is made
// of.
#include <algorithm>

#include "port/templates/sharing.hpp"
#include "port/templates/tiles.hpp"

namespace ak::port {

std::vector<Stage> scan_stages(const Work& work) {
  if (work.group.loops.empty()) return {};
  const loop::Role role = work.group.loops.back().role;
  const auto hands_on = [](const loop::Note& note) { return note.kind == loop::Note::Kind::expand && note.distance; };
  const bool holds = role == loop::Role::parallel && std::ranges::any_of(work.group.notes, hands_on) && !sweep_of(work);
  if (role != loop::Role::scan && !holds) return {};
  return tile_stages(work, "scan");
}

}  // namespace ak::port
