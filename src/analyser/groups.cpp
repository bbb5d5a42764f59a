// Pieces side by side become groups, as far as that is right without a barrier between them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "analyser/modules/modules.hpp"
#include "analyser/nest.hpp"

namespace ak::analyser::flow {

namespace {

using PieceKind = Piece::Kind;

/// A group while it grows.
struct Growing {
  std::vector<Piece> pieces;
  std::vector<const loop::Node*> loops;  // of the deepest statement; of several: the first
  std::set<int> statements;
  std::string conflict;  // why its statements must run in the text's order, one iteration after the other

  std::set<int> carried() const {
    std::set<int> all;
    for (const Piece& piece : pieces) {
      all.insert(piece.carried.begin(), piece.carried.end());
      all.insert(piece.scatters.begin(), piece.scatters.end());
    }
    return all;
  }
  bool in_order() const {
    return std::any_of(pieces.begin(), pieces.end(), [](const Piece& piece) { return piece.kind == PieceKind::sequential; });
  }
  bool only_reduces() const {
    return std::all_of(pieces.begin(), pieces.end(), [](const Piece& piece) {
      return piece.scatters.empty() && (piece.kind == PieceKind::reduce || piece.carried.empty());
    });
  }
};

Growing grown(const Nest& nest, Piece piece) {
  Growing group;
  group.statements.insert(piece.statements.begin(), piece.statements.end());
  for (const int s : piece.statements)
    if (nest.at(s).loops.size() > group.loops.size()) group.loops = nest.at(s).loops;
  group.pieces.push_back(std::move(piece));
  return group;
}

/// Edges from one to the other, through followers too.
class Between {
 public:
  Between(const Nest& nest, const Growing& a, const Growing& b) : nest_(nest) {
    for (const auto& [from, to] : {std::pair(&a, &b), std::pair(&b, &a)})
      for (const int s : from->statements) follow(s, to->statements, false, {});
  }
  bool carried_array = false, scalar_forward = false, scalar = false, carried_scalar = false;
  std::string array;  // that is carried

 private:
  void follow(int from, const std::set<int>& goal, bool carried, std::set<int> seen) {
    for (const Edge& edge : nest_.edges) {
      if (edge.from != from) continue;
      const bool own_scalar = edge.scalar && !nest_.followers.contains(from);
      if (goal.contains(edge.to)) {
        if (own_scalar) {
          scalar = true;
          carried_scalar |= edge.carried();
        } else if (edge.carried() || carried) {
          carried_array = true, array = edge.name;
        }
      } else if (nest_.followers.contains(edge.to) && seen.insert(edge.to).second) {
        if (own_scalar) scalar = true;
        follow(edge.to, goal, carried || (edge.carried() && !own_scalar), seen);
      }
    }
  }
  const Nest& nest_;
};

int common(const Growing& a, const Growing& b) {
  int depth = 0;
  const int most = static_cast<int>(std::min(a.loops.size(), b.loops.size()));
  while (depth < most && a.loops[depth] == b.loops[depth]) ++depth;
  return depth;
}

bool left(const Nest& nest, int s) {
  return std::any_of(nest.at(s).guards.begin(), nest.at(s).guards.end(),
                     [](const Guard& guard) { return guard.kind == Guard::Kind::leave && guard.node != 0; });
}

bool may_join(const Nest& nest, const Growing& a, const Growing& b) {
  const Between between(nest, a, b);
  if (between.carried_array) return false;
  const int depth = common(a, b);
  const bool same = depth == static_cast<int>(a.loops.size()) && depth == static_cast<int>(b.loops.size());
  const auto one = a.carried(), other = b.carried();
  if (same) {
    // What one thread must do takes long enough without what others can do.
    if (one.empty() != other.empty() && (a.in_order() || b.in_order()) && !between.scalar && nest.uses("loop distribution"))
      return false;
    if (one.empty() || other.empty()) return true;
    return a.only_reduces() && b.only_reduces() && one == other && !between.scalar;
  }
  for (int level = 0; level < depth; ++level)
    if (one.contains(level) || other.contains(level)) return false;
  const bool side_by_side = depth < static_cast<int>(std::min(a.loops.size(), b.loops.size()));
  return depth > 0 && (!side_by_side || between.scalar);
}

void join(Growing& a, Growing b) {
  for (Piece& piece : b.pieces) a.pieces.push_back(std::move(piece));
  if (common(a, b) == static_cast<int>(a.loops.size()) && b.loops.size() > a.loops.size()) a.loops = b.loops;
  a.statements.merge(b.statements);
  if (a.conflict.empty()) a.conflict = b.conflict;
}

/// Whether a dependence of any kind, or a scalar, keeps their order.
bool ordered(const Nest& nest, const Growing& a, const Growing& b) {
  const auto between = [&](int from, int to) {
    return (a.statements.contains(from) && b.statements.contains(to)) || (b.statements.contains(from) && a.statements.contains(to));
  };
  const auto users = [&](int s) {
    std::vector<int> all;
    for (const int leaf : nest.leaves_of(s))
      for (const int user : nest.users_of(leaf)) all.push_back(user);
    return all;
  };
  return std::any_of(nest.dependences->begin(), nest.dependences->end(), [&](const Dependence& one) {
    if (!nest.contains(one.from) || !nest.contains(one.to)) return false;
    for (const int from : users(one.from))
      for (const int to : users(one.to))
        if (between(from, to)) return true;
    return false;
  });
}

/// The last of the groups that the piece may join: those in order that have nothing to do with it are stepped over.
Growing* to_join(const Nest& nest, std::vector<Growing>& groups, const Growing& next) {
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    if (may_join(nest, *group, next)) return &*group;
    if (!group->in_order() || ordered(nest, *group, next)) break;
  }
  return nullptr;
}

/// Whoever leaves a loop decides of all that is in it.
bool must_join(const Nest& nest, const Growing& a, const Growing& b) {
  if (!nest.uses("loop distribution")) return true;
  const auto leaves = [&](const Growing& group) {
    return std::any_of(group.statements.begin(), group.statements.end(), [&](int s) { return left(nest, s); });
  };
  return leaves(a) && leaves(b);
}

std::vector<Growing> joined(const Nest& nest, std::vector<Piece> pieces) {
  std::vector<Growing> groups;
  for (Piece& piece : pieces) {
    Growing next = grown(nest, std::move(piece));
    int from = static_cast<int>(groups.size());
    for (int i = static_cast<int>(groups.size()) - 1; i >= 0; --i)
      if (must_join(nest, groups[i], next)) from = i;
    if (from == static_cast<int>(groups.size())) {
      if (Growing* group = to_join(nest, groups, next))
        join(*group, std::move(next));
      else
        groups.push_back(std::move(next));
      continue;
    }
    Growing all = std::move(groups[from]);
    const auto absorb = [&](Growing other) {
      const Between between(nest, all, other);
      if (between.carried_array)
        all.conflict = fmt::format("what one iteration leaves in {} decides of a later one", between.array);
      join(all, std::move(other));
    };
    for (int i = from + 1; i < static_cast<int>(groups.size()); ++i) absorb(std::move(groups[i]));
    absorb(std::move(next));
    groups.resize(from);
    groups.push_back(std::move(all));
  }
  return groups;
}

/// A read that needs what one group made and what another one destroys can stand in neither order: all run in the text's.
/// `read`: which, in words.
bool is_torn(const Nest& nest, const std::vector<Growing>& groups, std::size_t reader, std::size_t& first, std::string& read) {
  const auto earlier = [&](int statement) {
    for (std::size_t g = 0; g < reader; ++g)
      if (groups[g].statements.contains(statement)) return g;
    return reader;
  };
  std::map<std::pair<int, int>, std::size_t> made, destroyed;  // by statement and reference
  for (const Dependence& one : *nest.dependences) {
    if (!nest.contains(one.from) || !nest.contains(one.to) || nest.model->is_scalar(one.name)) continue;
    const bool flow = one.kind == Dependence::Kind::flow;
    if (one.kind == Dependence::Kind::output) continue;
    for (const int leaf : nest.leaves_of(flow ? one.to : one.from))
      for (const int user : nest.users_of(leaf))
        if (const std::size_t g = earlier(flow ? one.from : one.to); groups[reader].statements.contains(user) && g < reader)
          (flow ? made : destroyed).emplace(std::pair(flow ? one.to : one.from, one.reference), g);
  }
  for (const auto& [place, g] : made)
    if (const auto other = destroyed.find(place); other != destroyed.end()) {
      first = std::min(g, other->second);
      const Statement& statement = nest.at(place.first);
      read = fmt::format("line {} reads elements of {}", statement.node->line,
                         statement.references[static_cast<std::size_t>(place.second)].name);
      return true;
    }
  return false;
}

void join_torn(const Nest& nest, std::vector<Growing>& groups) {
  for (std::size_t reader = 0; reader < groups.size(); ++reader) {
    std::size_t first = 0;
    std::string read;
    if (!is_torn(nest, groups, reader, first, read)) continue;
    for (std::size_t g = first + 1; g <= reader; ++g) join(groups[first], std::move(groups[g]));
    groups[first].conflict = read + " that an earlier iteration makes and a later one destroys";
    groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(first) + 1, groups.begin() + static_cast<std::ptrdiff_t>(reader) + 1);
    reader = first;
  }
}

class Finish {
 public:
  Finish(const Nest& nest, Growing growing) : nest_(nest), growing_(std::move(growing)) {}

  loop::Group run() {
    add_statements();
    for (const Piece& piece : growing_.pieces) add_parts(piece);
    for (int level = 0; level < static_cast<int>(growing_.loops.size()); ++level) {
      const loop::Node& loop = *growing_.loops[level];
      group_.loops.push_back({loop.id, loop.variable, role(level)});
    }
    return std::move(group_);
  }

 private:
  void add_statements() {
    std::set<int> all = growing_.statements;
    // What sets a scalar for them comes with them.
    for (bool grew = true; grew;) {
      grew = false;
      for (const Edge& edge : nest_.edges)
        if (nest_.followers.contains(edge.from) && all.contains(edge.to)) grew |= all.insert(edge.from).second;
    }
    for (const int s : all) group_.statements.push_back(nest_.at(s).node->id);
    std::sort(group_.statements.begin(), group_.statements.end());
  }

  void add_parts(const Piece& piece) {
    if (piece.reduction) group_.reductions.push_back(*piece.reduction);
    if (piece.counter) group_.counters.push_back(*piece.counter);
    if (piece.recurrence && std::none_of(group_.recurrences.begin(), group_.recurrences.end(), [&](const auto& one) {
          return one.target == piece.recurrence->target;
        }))
      group_.recurrences.push_back(*piece.recurrence);
    if (group_.cause.empty() && piece.kind == PieceKind::sequential) group_.cause = piece.cause;
    for (const Piece& inner : piece.inner) add_parts(inner);
  }

  /// The pieces that speak for a level.
  static void add_carriers(const Piece& piece, int level, std::vector<const Piece*>& carriers) {
    if (piece.carried.contains(level) && (piece.spans_levels() || level == *piece.carried.begin())) carriers.push_back(&piece);
    for (const Piece& inner : piece.inner) add_carriers(inner, level, carriers);
  }

  static bool carries(const std::vector<const Piece*>& carriers, int statement) {
    return std::any_of(carriers.begin(), carriers.end(), [&](const Piece* piece) {
      return std::count(piece->statements.begin(), piece->statements.end(), statement) > 0;
    });
  }

  /// A value that the loop carries between statements that are not in one of the cycles told of; null: there is none.
  const Edge* mixed(int level, const std::vector<const Piece*>& carriers) const {
    const auto found = std::find_if(nest_.edges.begin(), nest_.edges.end(), [&](const Edge& edge) {
      if (edge.level != level || !growing_.statements.contains(edge.from) || !growing_.statements.contains(edge.to))
        return false;
      if (growing_.loops[level] != nest_.at(edge.from).loops[level]) return false;
      if (edge.scalar && (nest_.followers.contains(edge.from) || carries(carriers, edge.from))) return false;
      return std::none_of(carriers.begin(), carriers.end(), [&](const Piece* piece) {
        return std::count(piece->statements.begin(), piece->statements.end(), edge.from) &&
               std::count(piece->statements.begin(), piece->statements.end(), edge.to);
      });
    });
    return found == nest_.edges.end() ? nullptr : &*found;
  }

  /// What goes round, of each piece.
  static std::string names_of(const std::vector<const Piece*>& carriers) {
    std::set<std::string> names;
    for (const Piece* piece : carriers) {
      if (piece->recurrence) names.insert(piece->recurrence->target);
      if (piece->reduction) names.insert(piece->reduction->target.text);
      if (piece->counter) names.insert(piece->counter->name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
  }

  loop::Role role(int level) {
    std::vector<const Piece*> carriers;
    for (const Piece& piece : growing_.pieces) add_carriers(piece, level, carriers);
    if (const Edge* edge = mixed(level, carriers))
      return sequential(fmt::format("line {} takes {} that line {} has set in an earlier iteration",
                                    nest_.at(edge->to).node->line, edge->name, nest_.at(edge->from).node->line));
    if (!growing_.conflict.empty() && level < common_level()) return sequential(growing_.conflict);
    const bool reduces =
        std::all_of(carriers.begin(), carriers.end(), [](const Piece* one) { return one->kind == PieceKind::reduce; });
    if (is_left(level)) {
      if (!nest_.uses("early exit")) return sequential("the loop may be left early");
      if (reduces && scattered(level).empty()) return loop::Role::exit;
      const std::set<std::string> unknown = scattered(level);
      return sequential(
          reduces ? fmt::format("the loop may be left early, and which elements of {} it has written by then is not known",
                                fmt::join(unknown, ", "))
                  : fmt::format("the loop may be left early, and {} goes from iteration to iteration", names_of(carriers)));
    }
    if (carriers.empty()) return scatter_or_parallel(level);
    if (reduces) return scattered(level).empty() ? loop::Role::reduce : loop::Role::scatter;
    if (carriers.size() > 1) return sequential(fmt::format("several recurrences: {}", names_of(carriers)));
    switch (carriers.front()->kind) {
      case PieceKind::scan:
        return loop::Role::scan;
      case PieceKind::chains:
        return loop::Role::chains;
      case PieceKind::counter:
        return loop::Role::compact;
      case PieceKind::wavefront:
        return loop::Role::wavefront;
      default: return loop::Role::sequential;
    }
  }

  int common_level() const {
    std::size_t depth = growing_.loops.size();
    for (const int s : growing_.statements) {
      std::size_t own = 0;
      while (own < depth && own < nest_.at(s).loops.size() && nest_.at(s).loops[own] == growing_.loops[own]) ++own;
      depth = own;
    }
    return static_cast<int>(depth);
  }

  bool is_left(int level) const {
    const int id = growing_.loops[level]->id;
    for (const int s : growing_.statements)
      for (const Guard& guard : nest_.at(s).guards)
        if (guard.kind == Guard::Kind::leave && guard.node == id) return true;
    return false;
  }

  loop::Role sequential(const std::string& cause) {
    if (group_.cause.empty()) group_.cause = cause;
    if (group_.recurrences.empty()) {
      loop::Recurrence recurrence;
      for (const Piece& piece : growing_.pieces)
        for (const int s : piece.statements)
          if (const Reference* target = nest_.at(s).target(); target && (recurrence.target.empty() || !piece.carried.empty()))
            recurrence.target = target->name, recurrence.statement = nest_.at(s).node->id;
      group_.recurrences.push_back(recurrence);
    }
    return loop::Role::sequential;
  }

  /// Arrays of which two iterations of the loop may write one element, nobody knows which.
  std::set<std::string> scattered(int level) const {
    std::set<std::string> names;
    for (const Dependence& one : *nest_.dependences)
      if (one.kind == Dependence::Kind::output && one.level == level && !one.exact && growing_.statements.contains(one.from) &&
          growing_.statements.contains(one.to) && !counts_apart(*nest_.model, nest_.counters, one.name))
        names.insert(one.name);
    return names;
  }

  loop::Role scatter_or_parallel(int level) {
    const auto names = scattered(level);
    if (names.empty()) return loop::Role::parallel;
    if (!nest_.uses("aliasing, indirection, thresholds"))
      return sequential(fmt::format("unknown subscripts of {}", fmt::join(names, ", ")));
    for (const std::string& name : names)
      if (!std::count(group_.scattered.begin(), group_.scattered.end(), name)) group_.scattered.push_back(name);
    return loop::Role::scatter;
  }

  const Nest& nest_;
  Growing growing_;
  loop::Group group_;
};

}  // namespace

std::vector<loop::Group> groups(const Nest& nest, std::vector<Piece> pieces) {
  std::vector<loop::Group> all;
  std::vector<Growing> grown = joined(nest, std::move(pieces));
  join_torn(nest, grown);
  for (Growing& growing : grown) all.push_back(Finish(nest, std::move(growing)).run());
  note_anti(nest, all);
  note_output(nest, all);
  note_expansion(nest, all);
  for (loop::Group& group : all)
    std::stable_sort(group.notes.begin(), group.notes.end(), [](const loop::Note& a, const loop::Note& b) {
      constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
      return std::pair(a.kind, a.distance.value_or(kLast)) < std::pair(b.kind, b.distance.value_or(kLast));
    });
  return all;
}

}  // namespace ak::analyser::flow
