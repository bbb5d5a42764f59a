#include "analyser/counters.hpp"

#include <algorithm>
#include <cstdlib>

namespace ak::analyser::flow {

namespace {

using loop::Term;

bool sets(const Statement& statement, const std::string& name) {
  return statement.node->kind == loop::Node::Kind::assign && statement.node->target.kind == Term::Kind::scalar &&
         statement.node->target.text == name;
}

bool below(const Statement& statement, int root) { return !statement.loops.empty() && statement.loops.front()->id == root; }

/// What other loops count is where this one starts.
bool counts_before(const Statement& statement, int root, const Counting& counter) {
  return !below(statement, root) && statement.index < counter.counts.front();
}

bool is_subscript(const Model& model, int root, const std::string& name) {
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references)
      for (const Term& subscript : reference.term.terms)
        if (below(statement, root) && mentions(subscript, name)) return true;
  return false;
}

/// What a guard asks, and what it reads.
const Statement* asking(const Model& model, const Guard& guard) {
  if (guard.kind != Guard::Kind::branch) return nullptr;
  const auto found = std::ranges::find_if(
      model.statements, [&](const Statement& one) { return one.node->id == guard.node && !one.joins && !one.is_leaf(); });
  return found == model.statements.end() ? nullptr : &*found;
}

/// Whether the two ask the same of the same values, in one iteration: `if (t) a[k] = x; if (t) k++;`.
bool ask_the_same(const Model& model, const Guard& a, const Guard& b) {
  if (a.node == b.node) return a.side == b.side;
  const Statement *one = asking(model, a), *other = asking(model, b);
  if (!one || !other || a.side != b.side || a.depth != b.depth || one->node->condition != other->node->condition) return false;
  const auto [first, last] = std::minmax(one->index, other->index);
  for (int s = first; s < last; ++s)
    if (const Reference* target = model.statements[s].target())
      if (std::ranges::any_of(one->references, [&](const Reference& read) { return read.name == target->name; })) return false;
  return true;
}

/// Statements all of which run in an iteration, or none.
bool run_together(const Model& model, const Statement& a, const Statement& b) {
  const auto nameless = [](const Statement& of) { return isl::manage(isl_set_reset_tuple_id(of.domain.copy())); };
  return a.loops == b.loops && nameless(a).is_equal(nameless(b)) &&
         std::ranges::equal(a.guards, b.guards, [&](const Guard& x, const Guard& y) { return ask_the_same(model, x, y); });
}

/// Where dimension `position` of the elements lies between two expressions over the instances.
isl::map within(const isl::map& elements, int position, const isl::pw_aff& least, const isl::pw_aff& most) {
  const isl::ctx context = elements.ctx();
  const auto limited = [&](const isl::pw_aff& bound, const char* relation) {
    const isl::map one = bound.as_map().apply_range(isl::map(context, relation));
    isl_map* wide = isl_map_copy(one.get());
    const int dimensions = static_cast<int>(isl_map_dim(elements.get(), isl_dim_out));
    wide = isl_map_insert_dims(wide, isl_dim_out, 0, position);
    wide = isl_map_insert_dims(wide, isl_dim_out, position + 1, dimensions - position - 1);
    return isl::manage(isl_map_set_tuple_name(wide, isl_dim_out, isl_map_get_tuple_name(elements.get(), isl_dim_out)));
  };
  return elements.intersect(limited(least, "{ [v] -> [x] : x >= v }")).intersect(limited(most, "{ [v] -> [x] : x <= v }"));
}

void bound(Model& model, const Counting& counter) {
  if (counter.step < 0 || counter.starts.size() != 1) return;
  const Statement& start = model.statements[counter.starts.front()];
  const int level = start.depth();  // the counting loop is the one right below the start
  for (const int count : counter.counts) {
    const Statement& one = model.statements[count];
    if (one.depth() != level + 1 || common_depth(one, start) != level || count < counter.starts.front()) return;
    if (one.loops[level] != model.statements[counter.counts.front()].loops[level]) return;
  }
  const loop::Node* counting = model.statements[counter.counts.front()].loops[level];
  for (int s = 0; s < static_cast<int>(model.statements.size()); ++s) {
    Statement& statement = model.statements[s];
    if (statement.depth() <= level || statement.loops[level] != counting) continue;
    const auto first = affine(start.node->value, statement.scope);
    if (!first) return;
    isl::pw_aff most = *first;
    for (const int count : counter.counts)
      most = most.add(dimension(statement.scope.space, level)
                          .add_constant(count < s ? 1L : 0L)
                          .scale(static_cast<long>(*step_of(model.statements[count]))));
    for (Reference& reference : statement.references)
      for (int i = 0; i < static_cast<int>(reference.term.terms.size()); ++i)
        if (const auto offset = offset_from(reference.term.terms[i], counter.name))
          reference.map = within(reference.map, i, first->add_constant(static_cast<long>(*offset)),
                                 most.add_constant(static_cast<long>(*offset)));
  }
}

}  // namespace

std::optional<std::int64_t> offset_from(const Term& term, const std::string& name) {
  if (term.kind == Term::Kind::convert) return offset_from(term.terms[0], name);
  if (term.kind == Term::Kind::scalar && term.text == name) return 0;
  if (term.kind != Term::Kind::binary || (term.text != "+" && term.text != "-")) return std::nullopt;
  for (const int side : {0, 1}) {
    const auto other = loop::evaluate(term.terms[1 - side], {});
    const auto own = offset_from(term.terms[side], name);
    if (own && other && (side == 0 || term.text == "+")) return term.text == "+" ? *own + *other : *own - *other;
  }
  return std::nullopt;
}

std::optional<std::int64_t> step_of(const Statement& statement) {
  if (is_real(statement.node->target.type)) return std::nullopt;
  const auto step = offset_from(statement.node->value, statement.node->target.text);
  return step && *step != 0 ? step : std::nullopt;
}

std::map<std::string, Counting> find_counters(const Model& model, int root) {
  std::map<std::string, Counting> found;
  for (int s = 0; s < static_cast<int>(model.statements.size()); ++s) {
    const Statement& statement = model.statements[s];
    const Reference* target = statement.target();
    if (!target || statement.joins || !model.is_scalar(target->name) || !below(statement, root) || !step_of(statement))
      continue;
    Counting& counter = found[target->name];
    if (counter.counts.empty()) counter.step = *step_of(statement), counter.name = target->name;
    counter.counts.push_back(s);
  }
  for (auto& [name, counter] : found)
    for (int s = 0; s < static_cast<int>(model.statements.size()); ++s)
      if (sets(model.statements[s], name) &&
          (!step_of(model.statements[s]) || counts_before(model.statements[s], root, counter)))
        counter.starts.push_back(s);
  std::erase_if(found, [&](const auto& entry) {
    const Counting& counter = entry.second;
    for (const int start : counter.starts)
      if (!step_of(model.statements[start]) && mentions(model.statements[start].node->value, counter.name)) return true;
    for (const int count : counter.counts)
      if ((*step_of(model.statements[count]) > 0) != (counter.step > 0)) return true;
    return !is_subscript(model, root, counter.name);
  });
  return found;
}

void bound_counted_elements(Model& model) {
  std::set<int> roots;
  for (const Statement& statement : model.statements)
    if (!statement.loops.empty()) roots.insert(statement.loops.front()->id);
  for (const int root : roots)
    for (const auto& [name, counter] : find_counters(model, root)) bound(model, counter);
}

bool counts_apart(const Model& model, const std::map<std::string, Counting>& counters, const std::string& array) {
  // Statements that run together and write a[k + c] move k past all that they wrote: offsets from k before all of them lie in
  // [first, first + moved).
  for (const auto& [name, counter] : counters) {
    std::optional<std::int64_t> first;
    bool writes = false, apart = true;
    std::vector<std::pair<std::int64_t, std::int64_t>> spans;  // of such statements: the greatest offset, moved
    std::set<int> seen;
    for (int s = 0; s < static_cast<int>(model.statements.size()); ++s) {
      const Reference* target = model.statements[s].target();
      if (!target || model.statements[s].joins || target->name != array || seen.contains(s)) continue;
      const Statement& count = model.statements[counter.counts.front()];
      if (!below(model.statements[s], count.loops.front()->id)) continue;
      std::int64_t moved = 0;
      std::set<std::int64_t> offsets;
      for (int other = 0; other < static_cast<int>(model.statements.size()); ++other) {
        const Statement& statement = model.statements[other];
        if (!statement.target() || statement.joins || !run_together(model, statement, model.statements[s])) continue;
        if (std::count(counter.counts.begin(), counter.counts.end(), other)) moved += std::llabs(*step_of(statement));
        if (statement.target()->name != array) continue;
        seen.insert(other);
        std::optional<std::int64_t> offset;
        for (const Term& subscript : statement.target()->term.terms)
          if (const auto one = offset_from(subscript, name)) offset = counter.step > 0 ? *one : -*one;
        if (!offset || !offsets.insert(*offset + moved).second) apart = false;
      }
      if (!apart || offsets.empty()) break;
      writes = true;
      first = first ? std::min(*first, *offsets.begin()) : *offsets.begin();
      spans.emplace_back(*offsets.rbegin(), moved);
    }
    if (!writes || !apart) continue;
    if (std::all_of(spans.begin(), spans.end(), [&](const auto& span) { return span.first < *first + span.second; }))
      return true;
  }
  return false;
}

}  // namespace ak::analyser::flow
