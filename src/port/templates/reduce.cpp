// Reductions: threads gather, blocks and then one block join. Of a parallel loop's inner reductions: a block, or a warp, for
// each of its iterations.
#include <fmt/format.h>

#include "port/templates/emit.hpp"
#include "port/templates/partials.hpp"
#include "port/templates/sharing.hpp"
#include "port/templates/whole.hpp"
#include "port/templates/wide_access.hpp"

namespace ak::port {

using loop::Node;
using loop::Role;
using loop::ScalarType;
using loop::Term;

namespace {

/// Whether the loops of a sweep stand as in the text: row by row, the numbers of iterations rise. With one loop inside a thread
/// it is the row.
bool in_order(const Work& work, const Sweep& sweep) {
  if (!sweep.inside.empty() && (sweep.inside.size() > 1 || !sweep.rows.empty())) return false;
  int last = 0;
  for (const auto* loops : {&sweep.inside, &sweep.rows})
    for (const Node& row : *loops) {
      if (row.id < last) return false;
      last = row.id;
    }
  return sweep.col.id > last && !work.body.empty();
}

/// Whether a loop moves an element that is reduced into.
bool moved(const Work& work, const Sweep& sweep) {
  Names variables{sweep.col.variable};
  loop::for_each_node(sweep.body, [&](const Node& node) {
    if (node.kind == Node::Kind::loop) variables.insert(node.variable);
  });
  for (const loop::Reduction& reduction : work.group.reductions)
    if (intersect(scalars_of(reduction.target), variables)) return true;
  return false;
}

/// Whether an iteration writes what it does not reduce into: it may not run twice.
bool writes_more(const Work& work) {
  Names written = written_arrays(work.body);
  for (const loop::Reduction& reduction : work.group.reductions) written.erase(reduction.target.text);
  return !written.empty();
}

std::vector<Stage> whole_stages(const Work& work) {
  Share share;
  // Without reductions: the last values of scalars.
  const Role role = work.group.reductions.empty() ? Role::parallel : Role::reduce;
  share.roles = {role};
  share.carried = carried_by(work);
  for (const loop::LoopRole& one : work.group.loops)
    if (one.role != role) share.roles.clear();
  if (role == Role::parallel && work.kept.empty() && work.after.empty()) return {};
  auto sweep = sweep_of(work, share);
  if (sweep && Partials(work, sweep->body).ordered() && !in_order(work, *sweep)) {
    share.in_order = true;
    sweep = sweep_of(work, share);
  }
  if (!sweep) return {};
  const Partials partials(work, sweep->body);
  if (!partials.ok() || (partials.ordered() && !in_order(work, *sweep))) return {};
  if (partials.words() == 0) return {};  // what comes after the loop takes nothing out of it
  if (partials.has_elements() && moved(work, *sweep)) return {};
  if (partials.needs_iterations() && (!sweep->single() || !sweep->guards.empty())) return {};
  if (partials.watches() && writes_more(work)) return {};
  const Whole whole{work, *sweep, partials};
  const Packs packs(work, *sweep, partials.body());
  std::vector<Stage> stages;
  const bool alone = !partials.watches();
  if (packs.any()) {
    for (const auto& [block, unroll] : {std::pair{512, 4}, {512, 1}, {256, 4}, {256, 2}, {256, 8}, {1024, 2}}) {
      const Packs at_once = packs.at_once(unroll);
      stages.push_back(whole.two_launches(block, unroll, &at_once));
      if (alone && block * unroll >= 1024) stages.push_back(whole.last_block(block, unroll, &at_once));
    }
    const Packs four = packs.at_once(4);
    if (alone) stages.insert(stages.end(), {whole.one_block(1024, &packs), whole.one_block(1024, &four)});
  }
  for (const auto& [block, unroll] : {std::pair{256, 4}, {256, 1}, {512, 4}, {256, 16}})
    stages.push_back(whole.two_launches(block, unroll));
  if (alone) stages.insert(stages.end(), {whole.one_block(1024), whole.one_block(256)});
  return stages;
}

}  // namespace

std::vector<Stage> reduce_stages(const Work& work) { return whole_stages(work); }

}  // namespace ak::port
