// Recurrences by an associative law: x[i] = m x[i - d] + c and its kin, sums and extrema that the loop uses as it goes; and
// what an iteration takes from the one before, where it cannot compute that again because the loop overwrites what it is made
// of.
#include <algorithm>

#include "port/templates/sharing.hpp"
#include "port/templates/tiles.hpp"

namespace ak::port {

namespace {

constexpr std::int64_t kFar = 256;  // as many chains are parallel enough, and scans of so few iterations each are none

bool reaches_far(const Work& work) {
  return std::ranges::all_of(work.group.recurrences, [](const loop::Recurrence& one) {
    return !one.distances.empty() && one.distances.front() >= kFar;
  });
}

}  // namespace

std::vector<Stage> scan_stages(const Work& work) {
  if (work.group.loops.empty()) return {};
  const loop::Role role = work.group.loops.back().role;
  const auto hands_on = [](const loop::Note& note) { return note.kind == loop::Note::Kind::expand && note.distance; };
  const bool holds = role == loop::Role::parallel && std::ranges::any_of(work.group.notes, hands_on) && !sweep_of(work);
  if (role != loop::Role::scan && !holds) return {};
  if (role == loop::Role::scan && reaches_far(work) && !chains_stages(work).empty()) return {};
  return tile_stages(work, "scan");
}

}  // namespace ak::port
