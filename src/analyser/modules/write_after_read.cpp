// Reads of what a later iteration overwrites: they must see the old value.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

int group_of(const std::vector<loop::Group>& groups, int id) {
  for (int g = 0; g < static_cast<int>(groups.size()); ++g)
    if (std::count(groups[g].statements.begin(), groups[g].statements.end(), id)) return g;
  return -1;
}

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
    if (one.kind != Dependence::Kind::anti || one.level == Dependence::kWithin || nest.model->is_scalar(one.name)) continue;
    if (!nest.contains(one.from) || !nest.contains(one.to) || is_local(nest, one.name)) continue;
    for (const int reader : nest.leaves_of(one.from)) {
      const int from = nest.at(reader).node->id, to = nest.at(one.to).node->id;
      const int reads = group_of(groups, from), writes = group_of(groups, to);
      if (reads < 0 || writes < 0 || reads < writes) continue;  // all reads come first
      loop::Group& group = groups[reads];
      if (is_told(group, *nest.at(reader).node, nest.at(one.from).references[one.reference].term, one.name)) continue;
      const int loop = nest.at(one.to).loops[one.level]->id;
      if (in_order(group, loop)) continue;
      if (one.distances.empty()) group.notes.push_back({loop::Note::Kind::anti, one.name, {}, from, to, loop});
      for (const std::int64_t distance : one.distances)
        group.notes.push_back({loop::Note::Kind::anti, one.name, distance, from, to, loop});
    }
  }
}

}  // namespace ak::analyser::flow
