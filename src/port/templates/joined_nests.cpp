#include "port/templates/joined_nests.hpp"

#include <algorithm>
#include <span>

#include "port/templates/emit.hpp"

namespace ak::port {

using loop::Group;
using loop::LoopRole;
using loop::Node;
using loop::Role;

namespace {

/// Whether iterations of the loop leave each other nothing, in arrays or in scalars.
bool carries_nothing(const loop::Verdict& verdict, const Node& loop) {
  const Names arrays = written_arrays(verdict.function.body);
  if (intersect(scalar_flow(loop.body).exposed, assigned_scalars(loop.body))) return false;
  return std::ranges::none_of(
      verdict.dependences, [&](const loop::Dependence& one) { return one.loop == loop.id && arrays.contains(one.name); });
}

/// The loops around all of the groups that may be shared out, with nothing beside each but the next.
std::vector<LoopRole> shared_loops(const loop::Verdict& verdict, std::span<const Group> groups) {
  std::vector<LoopRole> shared;
  for (std::size_t depth = 0;; ++depth) {
    const auto& first = groups.front().loops;
    if (depth == first.size()) return shared;
    const bool parallel = std::ranges::all_of(groups, [&](const Group& group) {
      return depth < group.loops.size() && group.loops[depth].loop == first[depth].loop &&
             group.loops[depth].role == Role::parallel;
    });
    const Node* const loop = find_node(verdict.function, first[depth].loop);
    if (!parallel || !loop || !carries_nothing(verdict, *loop)) return shared;
    shared.push_back(first[depth]);
    if (loop->body.size() != 1) return shared;
  }
}

Group joined(std::span<const Group> groups, std::vector<LoopRole> loops) {
  Group one;
  one.loops = std::move(loops);
  for (const Group& group : groups) one.statements.insert(one.statements.end(), group.statements.begin(), group.statements.end());
  std::ranges::sort(one.statements);
  const auto [again, end] = std::ranges::unique(one.statements);
  one.statements.erase(again, end);
  return one;
}

}  // namespace

std::optional<loop::Verdict> with_nests_joined(const loop::Verdict& verdict) {
  if (verdict.in_order) return std::nullopt;
  loop::Verdict made = verdict;
  made.groups.clear();
  const std::span<const Group> all = verdict.groups;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t count = 1;
    while (first + count < all.size() && !all[first].loops.empty() && !all[first + count].loops.empty() &&
           all[first + count].loops[0].loop == all[first].loops[0].loop)
      ++count;
    const auto some = all.subspan(first, count);
    std::vector<LoopRole> loops = count > 1 ? shared_loops(verdict, some) : std::vector<LoopRole>{};
    if (loops.empty())
      made.groups.insert(made.groups.end(), some.begin(), some.end());
    else
      made.groups.push_back(joined(some, std::move(loops)));
    first += count;
  }
  return made.groups.size() < all.size() ? std::optional(made) : std::nullopt;
}

}  // namespace ak::port
