// Elements that two iterations write: the later one's value must stay.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

bool is_known(const Nest& nest, const loop::Group& group, const std::string& array, int loop) {
  if (!is_parallel(group, loop)) {
    for (const loop::Reduction& reduction : group.reductions)
      if (reduction.target.text == array) return true;
    for (const loop::Recurrence& recurrence : group.recurrences)
      if (recurrence.target == array) return true;
  }
  for (const loop::Local& local : nest.model->function->locals)
    if (local.name == array) return true;
  for (const loop::LoopRole& role : group.loops)
    if (role.loop == loop && role.role == loop::Role::scatter && std::count(group.scattered.begin(), group.scattered.end(), array))
      return true;
  return counts_apart(*nest.model, nest.counters, array);
}

bool moves(const Statement& statement, int level) {
  const loop::Term& target = statement.node->target;
  return std::any_of(target.terms.begin(), target.terms.end(),
                     [&](const loop::Term& subscript) { return mentions(subscript, statement.loops[level]->variable); });
}

}  // namespace

void note_output(const Nest& nest, std::vector<loop::Group>& groups) {
  for (const Dependence& one : *nest.dependences) {
    if (one.kind != Dependence::Kind::output || one.level == Dependence::kWithin || nest.model->is_scalar(one.name)) continue;
    if (!nest.contains(one.from) || !nest.contains(one.to)) continue;
    const int from = nest.at(one.from).node->id, to = nest.at(one.to).node->id;
    for (loop::Group& group : groups) {
      const auto has = [&](int id) { return std::count(group.statements.begin(), group.statements.end(), id) > 0; };
      const int loop = nest.at(one.from).loops[one.level]->id;
      if (!has(from) || !has(to) || is_known(nest, group, one.name, loop)) continue;
      if (in_order(group, loop)) continue;
      if (one.distances.empty() || !moves(nest.at(one.from), one.level))
        group.notes.push_back({loop::Note::Kind::output, one.name, {}, from, to, loop});
      else
        for (const std::int64_t distance : one.distances)
          group.notes.push_back({loop::Note::Kind::output, one.name, distance, from, to, loop});
    }
  }
}

}  // namespace ak::analyser::flow
