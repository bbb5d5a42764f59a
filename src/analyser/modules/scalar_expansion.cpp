// Scalars that live past an iteration without a cycle through themselves: read in the next one, or after the loop.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

/// Whether a recurrence, reduction or counter is about it.
bool is_carried(const loop::Group& group, const std::string& name) {
  for (const loop::Reduction& one : group.reductions) {
    if (one.target.text == name) return true;
    for (const auto& position : one.positions)
      if (position.first == name) return true;
  }
  for (const loop::Recurrence& one : group.recurrences)
    if (one.target == name || std::count(one.with.begin(), one.with.end(), name)) return true;
  return std::any_of(group.counters.begin(), group.counters.end(), [&](const loop::Counter& one) { return one.name == name; });
}

/// Where the loop's variable stands when it is left: the front end keeps that under a name of its own.
bool is_last_count(const Statement& statement) {
  return !statement.loops.empty() && statement.node->target.text.starts_with(statement.loops.back()->variable + "_end");
}

/// How many iterations ago what a read gets was computed: a copy of the last value is one more.
std::int64_t age(const Nest& nest, const Edge& edge, int limit) {
  std::int64_t oldest = 0;
  if (limit > 0)
    for (const Edge& before : nest.edges)
      if (before.to == edge.from && before.carried() && before.scalar && before.distances.size() == 1 && before.from != before.to)
        oldest = std::max(oldest, age(nest, before, limit - 1));
  return edge.distances.front() + oldest;
}

}  // namespace

void note_expansion(const Nest& nest, std::vector<loop::Group>& groups) {
  constexpr int kLongestChain = 8;
  for (const int leaf : nest.leaves) {
    const Statement& statement = nest.at(leaf);
    const Reference* target = statement.target();
    if (!target || !nest.model->is_scalar(target->name)) continue;
    const int id = statement.node->id;
    if (nest.reaches(leaf, leaf)) continue;
    const auto note = [&](loop::Group& group, std::optional<std::int64_t> distance, int reader, int loop) {
      if ((distance || !is_carried(group, target->name)) && !is_last_count(statement) && !in_order(group, loop))
        group.notes.push_back({loop::Note::Kind::expand, target->name, distance, id, reader, loop});
    };
    const auto has = [](const loop::Group& group, int node) {
      return std::count(group.statements.begin(), group.statements.end(), node) > 0;
    };
    for (const Edge& edge : nest.edges) {
      if (edge.from != leaf || !edge.carried() || !edge.scalar || edge.distances.size() != 1) continue;
      const int reader = nest.at(edge.to).node->id;
      for (loop::Group& group : groups)
        if (has(group, id) && has(group, reader)) note(group, age(nest, edge, kLongestChain), reader, statement.loops[edge.level]->id);
    }
    // Its final value is made in the last group with it.
    const auto last = std::find_if(groups.rbegin(), groups.rend(), [&](const loop::Group& group) { return has(group, id); });
    for (const Dependence& one : *nest.dependences) {
      if (one.kind != Dependence::Kind::flow || one.from != leaf || last == groups.rend()) continue;
      const int depth = common_depth(statement, nest.at(one.to));
      if (depth < statement.depth()) note(*last, {}, nest.at(one.to).node->id, statement.loops[depth]->id);
    }
  }
}

}  // namespace ak::analyser::flow
