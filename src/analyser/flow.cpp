#include "analyser/flow.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace ak::analyser::flow {

namespace {

constexpr int kMostDistances = 8;

std::string tuple(const Statement& statement, const char* prefix) {
  std::vector<std::string> names;
  for (int i = 0; i < statement.depth(); ++i) names.push_back(fmt::format("{}{}", prefix, i));
  return fmt::format("{}[{}]", statement.name(), fmt::join(names, ","));
}

/// Pairs of instances that agree in the first `depth` loops.
isl::map agreeing(isl::ctx context, const Statement& a, const Statement& b, int depth, const char* more = "") {
  std::string equal = "true";
  for (int i = 0; i < depth; ++i) equal += fmt::format(" and a{0} = b{0}", i);
  return isl::map(context, fmt::format("{{ {} -> {} : {} {} }}", tuple(a, "a"), tuple(b, "b"), equal, more));
}

/// Pairs where `a` runs before `b` and the loop `level` is the outermost in which they differ.
isl::map ordered(isl::ctx context, const Statement& a, const Statement& b, int level) {
  return agreeing(context, a, b, level, fmt::format("and a{0} < b{0}", level).c_str());
}

/// Without a copy of what has been collected.
void add_to(isl::union_map& all, isl::union_map more) { all = isl::manage(isl_union_map_union(all.release(), more.release())); }

/// Pairs of which `a` runs before `b`.
isl::union_map before(isl::ctx context, const Statement& a, const Statement& b) {
  const int common = common_depth(a, b);
  isl::union_map pairs = isl::union_map::empty(context);
  for (int level = 0; level < common; ++level) add_to(pairs, ordered(context, a, b, level));
  if (a.index < b.index) add_to(pairs, agreeing(context, a, b, common));
  // Of the two sides of a branch one runs.
  for (const Guard& one : a.guards)
    for (const Guard& other : b.guards)
      if (one.kind == Guard::Kind::branch && one.node == other.node && one.side != other.side && one.kind == other.kind)
        pairs = pairs.subtract(agreeing(context, a, b, one.depth));
  // What the branch itself has set is not set anew at its end.
  if (b.joins && std::count(a.branches.begin(), a.branches.end(), b.node->id))
    pairs = pairs.subtract(agreeing(context, a, b, b.depth()));
  return pairs;
}

/// Pairs of which `a` runs for certain when `b` does. `earlier`: `a` is known to come before it.
isl::union_map certain(isl::ctx context, const Statement& a, const Statement& b, bool earlier) {
  int depth = 0;
  for (const Guard& guard : a.guards) {
    const bool shared = std::any_of(b.guards.begin(), b.guards.end(), [&](const Guard& other) {
      return other.kind == guard.kind && other.node == guard.node && other.side == guard.side;
    });
    if (!shared || (guard.kind == Guard::Kind::leave && !earlier)) return isl::union_map::empty(context);
    depth = std::max(depth, guard.depth);
  }
  return agreeing(context, a, b, depth);
}

class Flow {
 public:
  explicit Flow(const Model& model) : model_(model), context_(model.statements.front().domain.ctx()) {}

  std::vector<Dependence> all() {
    std::set<std::string> names;
    for (const Statement& statement : model_.statements)
      if (const Reference* target = statement.target()) names.insert(target->name);
    for (const std::string& name : names) of_name(name);
    std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
    return std::move(found_);
  }

 private:
  using Kind = Dependence::Kind;

  /// An access in one of the two forms of its array: flat, or in rows.
  struct Seen {
    isl::map map;
    bool exact;
  };

  Seen seen(const Reference& reference, bool rows) const {
    if (!rows) return {reference.map, reference.exact};
    if (reference.in_rows) return {*reference.in_rows, true};
    const std::size_t dimensions = model_.widths.at(reference.name).size() + 1;
    return {elements_at(reference.domain, reference.name, std::vector<std::optional<isl::pw_aff>>(dimensions)), false};
  }

  /// Each of the two forms of a flat array of rows says what may meet. Of two accesses, the rows do, if both have theirs.
  void of_name(const std::string& name) {
    bool all = true;
    std::vector<const Statement*> users;
    for (const Statement& statement : model_.statements)
      for (const Reference& reference : statement.references) {
        if (reference.name != name) continue;
        all = all && reference.in_rows;
        if (users.empty() || users.back() != &statement) users.push_back(&statement);
      }
    relate(users);
    if (model_.widths.contains(name)) in_form(name, true);
    if (!model_.widths.contains(name) || !all) in_form(name, false);
  }

  /// Sets which of the statements' instances run before which, and which for certain.
  void relate(const std::vector<const Statement*>& users) {
    before_ = certain_earlier_ = certain_later_ = isl::union_map::empty(context_);
    for (const Statement* a : users)
      for (const Statement* b : users) {
        add_to(before_, before(context_, *a, *b));
        if (!a->target()) continue;
        add_to(certain_earlier_, certain(context_, *a, *b, true));
        add_to(certain_later_, certain(context_, *a, *b, false));
      }
  }

  void in_form(const std::string& name, bool rows) {
    isl::union_map writes = isl::union_map::empty(context_), kills = writes;
    for (const Statement& statement : model_.statements)
      if (const Reference* target = statement.target(); target && target->name == name) {
        const Seen one = seen(*target, rows);
        if (!statement.joins) add_to(writes, one.map);
        if (one.exact) add_to(kills, one.map);
      }
    for (const Statement& statement : model_.statements) {
      if (statement.joins) continue;
      for (int r = 0; r < static_cast<int>(statement.references.size()); ++r) {
        const Reference& reference = statement.references[r];
        if (reference.name != name) continue;
        const Seen one = seen(reference, rows);
        if (reference.write) {
          add(Kind::output, name, from(one, writes, kills), r, rows);
        } else {
          add(Kind::flow, name, to(one, writes, kills), r, rows);
          add(Kind::anti, name, from(one, writes, kills), r, rows);
        }
      }
    }
  }

  isl::union_map meet(const isl::union_map& a, const isl::union_map& b) const {
    return a.apply_range(b.reverse()).intersect(before_);
  }

  /// Pairs of sources and later sinks between which one of `kills` comes, at the element where both meet: one of the two must
  /// reach no other.
  isl::union_map killed(const isl::union_map& sources, const isl::union_map& sinks, const isl::union_map& kills) const {
    const isl::union_map to_kill = meet(sources, kills), from_kill = meet(kills, sinks);
    return to_kill.apply_range(from_kill.intersect(certain_earlier_))
        .unite(to_kill.intersect(certain_later_.reverse()).apply_range(from_kill));
  }

  /// From a read or write to later writes.
  isl::union_map from(const Seen& source, const isl::union_map& writes, const isl::union_map& kills) const {
    const isl::union_map memory = meet(source.map, writes);
    if (memory.is_empty() || kills.is_empty()) return memory;
    return memory.subtract(killed(source.map, source.exact ? writes : writes.intersect_domain(kills.domain()), kills));
  }

  /// From earlier writes to a read.
  isl::union_map to(const Seen& sink, const isl::union_map& writes, const isl::union_map& kills) const {
    const isl::union_map memory = meet(writes, sink.map);
    if (memory.is_empty() || kills.is_empty()) return memory;
    return memory.subtract(killed(sink.exact ? writes : writes.intersect_domain(kills.domain()), sink.map, kills));
  }

  static int index_of(const isl::id& tuple) {
    const std::string name = tuple.name();
    int index = 0;
    std::from_chars(name.data() + 1, name.data() + name.size(), index);
    return index;
  }

  void add(Kind kind, const std::string& name, const isl::union_map& pairs, int reference, bool rows) {
    pairs.foreach_map([&](const isl::map& map) {
      if (map.is_empty()) return;
      const int from = index_of(map.domain_tuple_id()), to = index_of(map.range_tuple_id());
      const Statement &a = model_.statements[from], &b = model_.statements[to];
      const Reference& access = kind == Kind::flow ? b.references[reference] : a.references[reference];
      const Reference& other = kind == Kind::flow ? *a.target() : *b.target();
      if (model_.widths.contains(name) && rows != (access.in_rows && other.in_rows)) return;
      const int common = common_depth(a, b);
      const auto one = [&](const isl::map& part, int level) {
        if (part.is_empty()) return;
        Dependence dependence{kind, name, from, to, reference, level, {}, {}, true, part};
        if (level != Dependence::kWithin) dependence.distances = distances(part, level);
        for (int l = 0; l < common; ++l)
          dependence.vector.push_back(level == Dependence::kWithin || l < level ? 0 : only(part, l));
        dependence.exact = rows || (access.exact && other.exact);
        found_.push_back(std::move(dependence));
      };
      for (int level = 0; level < common; ++level) one(map.intersect(ordered(context_, a, b, level)), level);
      one(map.intersect(agreeing(context_, a, b, common)), Dependence::kWithin);
    });
  }

  /// All differences of the iterations of one loop, where they are few constants.
  std::vector<std::int64_t> distances(const isl::map& map, int level) const {
    isl_map* pairs = isl_map_copy(map.get());
    pairs = isl_map_project_out(pairs, isl_dim_param, 0, isl_map_dim(pairs, isl_dim_param));
    const auto keep_one = [&](isl_dim_type type) {
      pairs = isl_map_project_out(pairs, type, level + 1, isl_map_dim(pairs, type) - level - 1);
      pairs = isl_map_project_out(pairs, type, 0, level);
      pairs = isl_map_reset_tuple_id(pairs, type);
    };
    keep_one(isl_dim_in);
    keep_one(isl_dim_out);
    const isl::set deltas = isl::manage(isl_map_deltas(pairs));
    std::vector<std::int64_t> all;
    const auto least = number(deltas.dim_min_val(0)), most = number(deltas.dim_max_val(0));
    if (!least || !most || deltas.is_empty()) return {};
    if (*least == *most) return {*least};
    if (*most - *least > 64) return {};
    deltas.foreach_point([&](const isl::point& point) { all.push_back(*number(point.multi_val().at(0))); });
    std::sort(all.begin(), all.end());
    return all.size() <= kMostDistances ? all : std::vector<std::int64_t>{};
  }

  std::optional<std::int64_t> only(const isl::map& map, int level) const {
    const auto all = distances(map, level);
    return all.size() == 1 ? std::optional(all.front()) : std::nullopt;
  }

  const Model& model_;
  isl::ctx context_;
  isl::union_map before_, certain_earlier_, certain_later_;
  std::vector<Dependence> found_;
};

}  // namespace

std::vector<Dependence> dependences(const Model& model) {
  if (model.statements.empty()) return {};
  return Flow(model).all();
}

}  // namespace ak::analyser::flow
