// Cycles through t = t op value alone, with the positions of an extremum.
#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

/// Who reads the name inside of the loops that carry the cycle, the piece itself aside.
bool is_read_elsewhere(const Nest& nest, const Piece& piece, const std::string& name) {
  const auto inside = [&](int s) { return std::count(piece.statements.begin(), piece.statements.end(), s) > 0; };
  const int depth = *piece.carried.begin() + 1;  // within the outermost loop that carries it
  return std::any_of(nest.edges.begin(), nest.edges.end(), [&](const Edge& edge) {
    return edge.name == name && inside(edge.from) && !inside(edge.to) &&
           common_depth(nest.at(edge.from), nest.at(edge.to)) >= depth;
  });
}

/// Names that go from one iteration to another within the piece.
std::set<std::string> carried_names(const Nest& nest, const Piece& piece) {
  const auto inside = [&](int s) { return std::count(piece.statements.begin(), piece.statements.end(), s) > 0; };
  std::set<std::string> names;
  for (const Edge& edge : nest.edges)
    if (edge.carried() && inside(edge.from) && inside(edge.to)) names.insert(edge.name);
  return names;
}

/// Whether all that the piece reads of what it writes is what the reading statement accumulates into, or `target`.
bool goes_through(const Nest& nest, const Piece& piece, const std::string& name, const Term& target) {
  const auto inside = [&](int s) { return std::count(piece.statements.begin(), piece.statements.end(), s) > 0; };
  for (const Dependence& one : *nest.dependences) {
    if (one.kind != Dependence::Kind::flow || !inside(one.from) || !nest.contains(one.to)) continue;
    if (one.level != Dependence::kWithin && !piece.carried.contains(one.level)) continue;  // a loop around tells of it
    const bool reads = inside(one.to) || std::any_of(piece.statements.begin(), piece.statements.end(), [&](int s) {
      return std::count(nest.at(s).owners.begin(), nest.at(s).owners.end(), one.to) > 0;
    });
    const Statement& reader = nest.at(one.to);
    const Term& own = inside(one.to) && reader.node->target.kind == Term::Kind::element ? reader.node->target : target;
    if (reads && one.name == name && !(reader.references[one.reference].term == own)) return false;
  }
  return true;
}

/// What the innermost loop's body makes of `target`, its followers' values put in.
Symbolic body_of(const Nest& nest, const Piece& piece, const Term& target) {
  const auto takes_part = [&nest, &piece](int id) {
    for (const int s : piece.statements)
      if (nest.at(s).node->id == id) return true;
    for (const int s : nest.followers)
      if (nest.at(s).node->id == id && nest.at(s).loops == piece.loops) return true;
    return false;
  };
  return Symbolic(takes_part, [&target](const Term& term) -> std::optional<Term> {
    return term == target ? std::optional(previous(1, term.type)) : std::nullopt;
  });
}

/// Whether the iterations in which `target` moves are those in which `position` does.
std::optional<Term> position_value(const Term& extremum, const Term& position, const Term& moved) {
  if (extremum.kind != Term::Kind::choose || moved.kind != Term::Kind::choose) return std::nullopt;
  if (!(extremum.terms[0] == moved.terms[0])) return std::nullopt;
  if (moved.terms[2] == position && !mentions(moved.terms[1], position.text) && !mentions_previous(moved.terms[1]))
    return moved.terms[1];
  // Under a condition of its own around both.
  if (extremum.terms[2].kind == Term::Kind::scalar && moved.terms[2] == position)
    return position_value(extremum.terms[1], position, moved.terms[1]);
  return std::nullopt;
}

/// Sums at several depths of a nest, or into several elements: every statement on its own adds to its place.
std::optional<loop::Reduction> each_on_its_own(const Nest& nest, const Piece& piece, const std::string& name) {
  std::optional<loop::Reduction> found;
  int deepest = -1;
  for (const int s : piece.statements) {
    const loop::Node& node = *nest.at(s).node;
    if (nest.at(s).target()->name != name) return std::nullopt;
    for (const int owner : nest.at(s).owners)
      for (const Reference& reference : nest.at(owner).references)
        if (reference.name == name) return std::nullopt;
    for (const Reference& reference : nest.at(s).references)
      if (reference.name == name && !(reference.term == node.target)) return std::nullopt;
    const Term value = loop::replace(node.value, [&](const Term& term) {
      return term == node.target ? std::optional(previous(1, term.type)) : std::nullopt;
    });
    const auto one = association(value);
    if (!one || mentions(one->value, node.target.text) || (found && found->op != one->op)) return std::nullopt;
    if (!found) found = loop::Reduction{node.target, one->op, one->value, {}, {}, false, {}};
    if (nest.at(s).depth() > deepest) found->value = one->value, deepest = nest.at(s).depth();
    found->statements.push_back(node.id);
  }
  return found;
}

std::vector<int> ids(const Nest& nest, const Piece& piece) {
  std::set<int> all;
  for (const int s : piece.statements) {
    all.insert(nest.at(s).node->id);
    for (const int owner : nest.at(s).owners)
      if (nest.at(owner).node->kind == loop::Node::Kind::branch) all.insert(nest.at(owner).node->id);
  }
  return {all.begin(), all.end()};
}

}  // namespace

void add_position_edges(Nest& nest) {
  std::vector<Edge> added;
  for (const int a : nest.leaves)
    for (const int b : nest.leaves) {
      const Reference *moved = nest.at(a).target(), *position = nest.at(b).target();
      if (a == b || !moved || !position || !nest.model->is_scalar(moved->name) || !nest.model->is_scalar(position->name)) continue;
      if (moved->name == position->name || nest.at(a).branches.empty() || nest.at(a).branches != nest.at(b).branches) continue;
      // The branch around both reads what the one sets, and nothing in the loop reads the other.
      const bool decides = std::any_of(nest.edges.begin(), nest.edges.end(), [&](const Edge& edge) {
        return edge.from == a && edge.to == b && edge.carried() && edge.name == moved->name &&
               !mentions(nest.at(b).node->value, moved->name);
      });
      const bool read = std::any_of(nest.edges.begin(), nest.edges.end(), [&](const Edge& edge) {
        return edge.from == b && common_depth(nest.at(b), nest.at(edge.to)) == nest.at(b).depth();
      });
      if (decides && !read) added.push_back({b, a, position->name, true, Dependence::kWithin, {}});
    }
  nest.edges.insert(nest.edges.end(), added.begin(), added.end());
}

std::optional<loop::Reduction> find_reduction(const Nest& nest, const Piece& piece) {
  const std::set<std::string> names = carried_names(nest, piece);
  if (names.size() != 1) return std::nullopt;
  std::set<std::string> places;
  std::vector<const Term*> positions;
  const Term* target = nullptr;
  for (const int s : piece.statements) {
    const loop::Node& node = *nest.at(s).node;
    if (node.kind != loop::Node::Kind::assign || is_read_elsewhere(nest, piece, nest.at(s).target()->name)) return std::nullopt;
    if (!names.contains(nest.at(s).target()->name)) {
      positions.push_back(&node.target);
    } else if (places.insert(c_text(node.target)).second) {
      target = &node.target;
    }
  }
  if (!target || !goes_through(nest, piece, *names.begin(), *target)) return std::nullopt;
  const bool one_body = std::all_of(piece.statements.begin(), piece.statements.end(),
                                    [&](int s) { return nest.at(s).loops == piece.loops; });
  if (!one_body || places.size() > 1) return positions.empty() ? each_on_its_own(nest, piece, *names.begin()) : std::nullopt;

  Symbolic body = body_of(nest, piece, *target);
  body.run(piece.loops.back()->body);
  const auto value = body.value(*target);
  if (!body.understood() || !value) return std::nullopt;
  const auto operation = association(*value);
  if (!operation || (target->kind == Term::Kind::scalar && mentions(operation->value, target->text))) return std::nullopt;
  loop::Reduction found{*target, operation->op, operation->value, operation->condition, {}, operation->last, ids(nest, piece)};
  for (const Term* position : positions) {
    const auto moved = body.value(*position);
    const auto taken = moved && (found.op == "min" || found.op == "max") ? position_value(*value, *position, *moved) : std::nullopt;
    if (!taken || position->kind != Term::Kind::scalar) return std::nullopt;
    found.positions.emplace_back(position->text, *taken);
  }
  return found;
}

}  // namespace ak::analyser::flow
