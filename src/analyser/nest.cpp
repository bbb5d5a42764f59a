#include "analyser/nest.hpp"

#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

void add_edges(Nest& nest) {
  for (const Dependence& one : *nest.dependences) {
    if (one.kind != Dependence::Kind::flow || !nest.contains(one.from) || !nest.contains(one.to)) continue;
    for (const int to : nest.leaves_of(one.to))
      nest.edges.push_back({one.from, to, one.name, nest.model->is_scalar(one.name), one.level, one.distances});
  }
}

bool guarded(const Statement& statement) {
  return std::any_of(statement.guards.begin(), statement.guards.end(),
                     [](const Guard& guard) { return guard.kind != Guard::Kind::leave; });
}

bool reaches(const Nest& nest, int from, int goal) {
  std::set<int> seen;
  std::vector<int> open = {from};
  while (!open.empty()) {
    const int at = open.back();
    open.pop_back();
    for (const Edge& edge : nest.edges)
      if (edge.from == at) {
        if (edge.to == goal) return true;
        if (seen.insert(edge.to).second) open.push_back(edge.to);
      }
  }
  return false;
}

/// A scalar set under a condition and read in a later iteration keeps its value in between: x = condition ? value : x.
void keep_values(Nest& nest) {
  std::vector<Edge> kept;
  for (const int leaf : nest.leaves) {
    const Reference* target = nest.at(leaf).target();
    if (!target || !nest.model->is_scalar(target->name) || nest.counters.contains(target->name)) continue;
    for (const Edge& edge : nest.edges)
      if (edge.from == leaf && edge.carried() && (guarded(nest.at(leaf)) || edge.distances.size() != 1))
        kept.push_back({leaf, leaf, target->name, true, edge.level, {1}});
  }
  nest.edges.insert(nest.edges.end(), kept.begin(), kept.end());
}

void find_followers(Nest& nest) {
  for (const int leaf : nest.leaves) {
    const Statement& statement = nest.at(leaf);
    const Reference* target = statement.target();
    if (!target || !nest.model->is_scalar(target->name) || reaches(nest, leaf, leaf)) continue;
    bool serves = false, alone = true;
    for (const Edge& edge : nest.edges) {
      if (edge.from != leaf) continue;
      serves = true;
      const Statement& user = nest.at(edge.to);
      if (common_depth(statement, user) < statement.depth()) alone = false;
    }
    if (serves && alone) nest.followers.insert(leaf);
  }
}

}  // namespace

bool Nest::contains(int statement) const {
  const auto& first = at(leaves.front()).loops;
  const auto& loops = at(statement).loops;
  return !loops.empty() && !first.empty() && loops.front() == first.front();
}

std::vector<int> Nest::leaves_of(int statement) const {
  if (at(statement).is_leaf()) return {statement};
  std::vector<int> found;
  for (const int leaf : leaves)
    if (const auto& owners = at(leaf).owners; std::count(owners.begin(), owners.end(), statement)) found.push_back(leaf);
  return found;
}

Nest make_nest(const Model& model, const std::vector<Dependence>& dependences, const std::set<std::string>& without, int root) {
  Nest nest{&model, &dependences, &without, {}, {}, {}, {}};
  for (int i = 0; i < static_cast<int>(model.statements.size()); ++i) {
    const Statement& statement = model.statements[i];
    if (statement.is_leaf() && !statement.loops.empty() && statement.loops.front()->id == root) nest.leaves.push_back(i);
  }
  if (nest.leaves.empty()) return nest;
  add_edges(nest);
  if (nest.uses("stream compaction")) nest.counters = find_counters(model, root);
  keep_values(nest);
  add_position_edges(nest);
  if (nest.uses("scalar expansion")) find_followers(nest);
  return nest;
}

std::vector<Piece> pieces(const Nest& nest) {
  const int count = static_cast<int>(nest.model->statements.size());
  std::vector<std::pair<int, int>> edges;
  for (const Edge& edge : nest.edges) edges.emplace_back(edge.from, edge.to);
  // What the earlier of two writes leaves must not outlive the later one's.
  std::vector<std::pair<int, int>> order = edges;
  for (const Dependence& one : *nest.dependences)
    if (one.kind == Dependence::Kind::output && one.from != one.to && !nest.model->is_scalar(one.name) &&
        nest.contains(one.from) && nest.contains(one.to))
      order.emplace_back(one.from, one.to);
  std::vector<Piece> found;
  for (const std::vector<int>& members : components(count, order)) {
    Piece piece;
    for (const int member : members)
      if (std::count(nest.leaves.begin(), nest.leaves.end(), member) && !nest.followers.contains(member))
        piece.statements.push_back(member);
    if (piece.statements.empty()) continue;
    piece.loops = nest.at(piece.statements.front()).loops;
    for (const int member : piece.statements)
      piece.loops.resize(std::min<std::size_t>(piece.loops.size(), common_depth(nest.at(piece.statements.front()), nest.at(member))));
    const auto inside = [&](int statement) {
      return std::count(piece.statements.begin(), piece.statements.end(), statement) > 0;
    };
    for (const Edge& edge : nest.edges)
      if (edge.carried() && inside(edge.from) && inside(edge.to)) piece.carried.insert(edge.level);
    for (const Dependence& one : *nest.dependences)
      if (one.kind == Dependence::Kind::output && one.level != Dependence::kWithin && !one.exact && inside(one.from) &&
          inside(one.to) && !counts_apart(*nest.model, nest.counters, one.name))
        piece.scatters.insert(one.level);
    if (!piece.carried.empty()) classify(nest, piece);
    found.push_back(std::move(piece));
  }
  return found;
}

}  // namespace ak::analyser::flow
