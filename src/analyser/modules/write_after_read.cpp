// Reads of what a later iteration overwrites: they must see the old value.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

bool has(const loop::Group& group, int id) { return std::count(group.statements.begin(), group.statements.end(), id) > 0; }

bool is_local(const Nest& nest, const std::string& name) {
  const auto& locals = nest.model->function->locals;
  return std::any_of(locals.begin(), locals.end(), [&](const loop::Local& local) { return local.name == name; });
}

/// Whether a flow dependence on the array has been told of already.
bool is_told(const loop::Group& group, const loop::Node& reader, const loop::Term& read, const std::string& array) {
  for (const loop::Reduction& reduction : group.reductions)
    if (reduction.target == read || (reader.target == read && std::count(reduction.statements.begin(), reduction.statements.end(), reader.id)))
      return true;
  for (const loop::Recurrence& recurrence : group.recurrences)
    if (recurrence.target == array) return true;
  return std::count(group.scattered.begin(), group.scattered.end(), array) > 0;
}

}  // namespace

void note_anti(const Nest& nest, std::vector<loop::Group>& groups) {
  for (const Dependence& one : *nest.dependences) {
    if (one.kind != Dependence::Kind::anti || nest.model->is_scalar(one.name)) continue;
    if (!nest.contains(one.from) || !nest.contains(one.to) || is_local(nest, one.name)) continue;
    const int to = nest.at(one.to).node->id;
    const auto writes = std::find_if(groups.begin(), groups.end(), [&](const loop::Group& group) { return has(group, to); });
    for (const int reader : nest.leaves_of(one.from)) {
      const int from = nest.at(reader).node->id;
      for (auto group = writes; group != groups.end(); ++group) {  // earlier groups have read before it is written
        if (!has(*group, from)) continue;
        const loop::Term& read = nest.at(one.from).references[one.reference].term;
        const bool within = one.level == Dependence::kWithin;
        if (within && group == writes) continue;
        const int loop = within ? nest.at(one.to).loops.front()->id : nest.at(one.to).loops[one.level]->id;
        if (group == writes && !is_parallel(*group, loop) && is_told(*group, *nest.at(reader).node, read, one.name)) continue;
        if (in_order(*group, loop) && group == writes) continue;
        if (within) group->notes.push_back({loop::Note::Kind::anti, one.name, 0, from, to, loop});
        if (!within && one.distances.empty()) group->notes.push_back({loop::Note::Kind::anti, one.name, {}, from, to, loop});
        for (const std::int64_t distance : one.distances)
          group->notes.push_back({loop::Note::Kind::anti, one.name, distance, from, to, loop});
      }
    }
  }
}

}  // namespace ak::analyser::flow
