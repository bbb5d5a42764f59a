#include "analyser/nest.hpp"

#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

void add_edges(Nest& nest) {
  for (const Dependence& one : *nest.dependences) {
    if (!nest.contains(one.from) || !nest.contains(one.to)) continue;
    // Modules that are off leave their dependences to be obeyed like flow.
    const bool obeyed = !nest.model->is_scalar(one.name) && one.level != Dependence::kWithin &&
                        ((one.kind == Dependence::Kind::anti && !nest.uses("write after read")) ||
                         (one.kind == Dependence::Kind::output && !nest.uses("overwrites")));
    if (obeyed)
      for (const int from : nest.leaves_of(one.from)) nest.edges.push_back({from, one.to, one.name, false, one.level, one.distances});
    if (one.kind != Dependence::Kind::flow) continue;
    for (const int to : nest.leaves_of(one.to))
      nest.edges.push_back({one.from, to, one.name, nest.model->is_scalar(one.name), one.level, one.distances});
  }
}

/// A scalar that is not set in every iteration keeps its value in between: x = condition ? value : x.
void keep_values(Nest& nest) {
  std::map<std::string, std::set<int>> keepers;
  std::map<std::string, int> levels;
  for (const Edge& edge : nest.edges)
    if (edge.scalar && edge.carried() && edge.distances.size() != 1 && !nest.counters.contains(edge.name)) {
      keepers[edge.name].insert(edge.from);
      const auto level = levels.emplace(edge.name, edge.level).first;
      level->second = std::max(level->second, edge.level);
    }
  for (const auto& [name, statements] : keepers)
    for (const int a : statements)
      for (const int b : statements)
        if (common_depth(nest.at(a), nest.at(b)) > levels[name]) nest.edges.push_back({a, b, name, true, levels[name], {1}});
}

void find_followers(Nest& nest) {
  for (const int leaf : nest.leaves) {
    const Statement& statement = nest.at(leaf);
    const Reference* target = statement.target();
    if (!target || !nest.model->is_scalar(target->name) || nest.reaches(leaf, leaf)) continue;
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

/// The components of some leaves in order, followers left out.
std::vector<std::vector<int>> parts(const Nest& nest, const std::vector<int>& leaves, std::vector<std::pair<int, int>> order) {
  for (const Edge& edge : nest.edges) order.emplace_back(edge.from, edge.to);
  // Best before what overwrites it comes who reads, or whom a follower reads for.
  std::vector<std::pair<int, int>> soft;
  for (const Dependence& one : *nest.dependences)
    if (one.kind == Dependence::Kind::anti && nest.contains(one.from) && nest.contains(one.to))
      for (const int reader : nest.leaves_of(one.from))
        for (const int user : nest.users_of(reader)) soft.emplace_back(user, one.to);
  std::vector<std::vector<int>> found;
  for (const auto& members : components(static_cast<int>(nest.model->statements.size()), order, soft)) {
    std::vector<int> kept;
    for (const int member : members)
      if (std::count(leaves.begin(), leaves.end(), member) && !nest.followers.contains(member)) kept.push_back(member);
    if (!kept.empty()) found.push_back(std::move(kept));
  }
  return found;
}

}  // namespace

bool Nest::contains(int statement) const {
  const auto& first = at(leaves.front()).loops;
  const auto& loops = at(statement).loops;
  return !loops.empty() && !first.empty() && loops.front() == first.front();
}

bool Nest::reaches(int from, int goal) const {
  std::set<int> seen;
  std::vector<int> open = {from};
  while (!open.empty()) {
    const int at = open.back();
    open.pop_back();
    for (const Edge& edge : edges)
      if (edge.from == at) {
        if (edge.to == goal) return true;
        if (seen.insert(edge.to).second) open.push_back(edge.to);
      }
  }
  return false;
}

std::set<int> Nest::users_of(int leaf) const {
  if (!followers.contains(leaf)) return {leaf};
  std::set<int> users;
  for (const Edge& edge : edges)
    if (edge.from == leaf) users.merge(users_of(edge.to));
  return users;
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
  if (nest.uses("prefix sum, recurrence")) add_reset_edges(nest);
  if (nest.uses("scalar expansion")) find_followers(nest);
  return nest;
}

namespace {

Piece make_piece(const Nest& nest, std::vector<int> statements) {
  Piece piece;
  piece.statements = std::move(statements);
  piece.loops = nest.at(piece.statements.front()).loops;
  const auto inside = [&](int s) { return std::count(piece.statements.begin(), piece.statements.end(), s) > 0; };
  for (const int member : piece.statements) {
    const std::size_t depth = common_depth(nest.at(piece.statements.front()), nest.at(member));
    piece.loops.resize(std::min(piece.loops.size(), depth));
  }
  for (const Edge& edge : nest.edges)
    if (edge.carried() && inside(edge.from) && inside(edge.to)) piece.carried.insert(edge.level);
  for (const Dependence& one : *nest.dependences)
    if (one.kind == Dependence::Kind::output && one.level != Dependence::kWithin && !one.exact && inside(one.from) &&
        inside(one.to) && !counts_apart(*nest.model, nest.counters, one.name))
      piece.scatters.insert(one.level);
  if (piece.carried.empty()) return piece;
  classify(nest, piece);
  if (piece.spans_levels()) return piece;
  // Within one iteration of the loop that carries the cycle, its statements may fall apart.
  Nest below = nest;
  std::erase_if(below.edges, [&](const Edge& edge) {
    return !inside(edge.from) || !inside(edge.to) || (edge.carried() && edge.level <= *piece.carried.begin());
  });
  for (const auto& part : parts(below, piece.statements, {})) piece.inner.push_back(make_piece(below, part));
  return piece;
}

}  // namespace

std::vector<Piece> pieces(const Nest& nest) {
  // What the earlier of two writes leaves must not outlive the later one's.
  std::vector<std::pair<int, int>> order;
  for (const Dependence& one : *nest.dependences)
    if (one.kind == Dependence::Kind::output && one.from != one.to && !nest.model->is_scalar(one.name) &&
        nest.contains(one.from) && nest.contains(one.to))
      order.emplace_back(one.from, one.to);
  if (!nest.uses("statement reordering"))
    for (std::size_t i = 1; i < nest.leaves.size(); ++i) order.emplace_back(nest.leaves[i - 1], nest.leaves[i]);
  std::vector<Piece> found;
  for (auto& statements : parts(nest, nest.leaves, std::move(order))) found.push_back(make_piece(nest, std::move(statements)));
  return found;
}

}  // namespace ak::analyser::flow
