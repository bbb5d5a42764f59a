#include "port/templates/spread.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/templates.hpp"

namespace ak::port {

using loop::Group;
using loop::Node;
using loop::Role;
using loop::Term;

namespace {

bool has(const std::vector<int>& statements, int id) { return std::ranges::find(statements, id) != statements.end(); }

void for_each_node(std::vector<Node>& body, const std::function<void(Node&)>& visit) {
  for (Node& node : body) {
    visit(node);
    for_each_node(node.body, visit), for_each_node(node.otherwise, visit);
  }
}

Node* find(std::vector<Node>& body, int id) {
  Node* found = nullptr;
  for_each_node(body, [&](Node& node) { found = node.id == id ? &node : found; });
  return found;
}

class Spread {
 public:
  Spread(loop::Verdict& verdict, Group& from, Group& to) : verdict_(verdict), from_(from), to_(to) {}

  void run() {
    if (from_.loops.size() != 1 || to_.loops.size() != 1 || from_.loops[0].loop != to_.loops[0].loop) return;
    const Role role = to_.loops[0].role;
    if (from_.loops[0].role != Role::scan || (role != Role::parallel && role != Role::reduce && role != Role::scan)) return;
    loop_ = find(verdict_.function.body, from_.loops[0].loop);
    if (!loop_ || loop_->step != 1 || has_exit(loop_->body)) return;
    const auto length = trip_count();
    if (!length) return;
    const Names made = assigned_scalars(only(verdict_.function.body, {from_.statements.begin(), from_.statements.end()}));
    const Names own = assigned_scalars(only(verdict_.function.body, {to_.statements.begin(), to_.statements.end()}));
    for (const loop::Local& local : std::vector<loop::Local>(verdict_.function.locals))
      if (local.extents.empty() && made.count(local.name) && !own.count(local.name)) spread(local, *length);
  }

 private:
  /// Over integer parameters that stand still.
  std::optional<Term> trip_count() const {
    const Term count = loop::binary("-", loop::convert(loop::ScalarType::i64, loop_->end), loop_->begin);
    const Names assigned = assigned_scalars(verdict_.function.body);
    bool known = true;
    loop::for_each(count, [&](const Term& part) {
      const loop::Parameter* parameter = loop::find_parameter(verdict_.function, part.text);
      if (part.kind == Term::Kind::scalar) known = known && parameter && !parameter->pointer && !assigned.count(part.text);
      known = known && !is_real(part.type) && part.kind != Term::Kind::element && part.kind != Term::Kind::call;
    });
    if (!known) return std::nullopt;
    const Term none = loop::integer(0, loop::ScalarType::i64), one = loop::integer(1, loop::ScalarType::i64);
    return Term{Term::Kind::choose, loop::ScalarType::i64, {}, {loop::binary(">", count, none), count, one}};
  }

  bool of_the_other(const Node& node) const {
    bool found = false;
    for_each_node_of(node, [&](const Node& one) { found = found || has(to_.statements, one.id); });
    return found;
  }

  static void for_each_node_of(const Node& node, const std::function<void(const Node&)>& visit) {
    loop::for_each_node({node}, visit);
  }

  bool reads(const Node& node, const std::string& name) const {
    bool found = false;
    for_each_node_of(node, [&](const Node& one) {
      for (const Term& term : terms_read(one)) found = found || loop::mentions(term, name);
    });
    return found;
  }

  /// One of the loop's statements that the other group runs alone and that takes the scalar.
  bool takes(const Node& node, const std::string& name) const { return of_the_other(node) && reads(node, name); }

  void spread(const loop::Local& scalar, const Term& length) {
    std::vector<std::size_t> takers;
    for (std::size_t i = 0; i < loop_->body.size(); ++i) {
      const Node& node = loop_->body[i];
      if (!takes(node, scalar.name)) continue;
      bool mixed = has_loop({node}) || assigned_scalars({node}).count(scalar.name);
      for_each_node_of(node, [&](const Node& one) { mixed = mixed || has(from_.statements, one.id); });
      if (mixed) return;
      takers.push_back(i);
    }
    if (takers.empty()) return;
    // One value an iteration: nothing sets it between the first that takes it and the last.
    for (std::size_t i = takers.front(); i < takers.back(); ++i)
      if (assigned_scalars({loop_->body[i]}).count(scalar.name)) return;
    const Node first = loop_->body[takers.front()];
    const auto between = std::ranges::count_if(
        loop_->body, [&](const Node& node) { return node.id > first.id - kBetween && node.id < first.id; });
    if (between + 1 >= kBetween) return;
    const loop::Local array{fmt::format("{}_each_{}_", scalar.name, verdict_.function.locals.size()), scalar.type, {length}};
    const Term at = loop_->begin == loop::integer(0)
                        ? loop::scalar(loop_->variable, loop_->variable_type)
                        : loop::binary("-", loop::scalar(loop_->variable, loop_->variable_type), loop_->begin);
    const Term element = loop::element(array.name, {at}, scalar.type), value = loop::scalar(scalar.name, scalar.type);
    const auto instead = [&](const Term& part) {
      return part.kind == Term::Kind::scalar && part.text == scalar.name ? std::optional(element) : std::nullopt;
    };
    for (const std::size_t i : takers) loop_->body[i] = replace_reads({loop_->body[i]}, instead).front();
    for (loop::Reduction& one : to_.reductions) {
      one.value = loop::replace(one.value, instead);
      if (one.condition) one.condition = loop::replace(*one.condition, instead);
      for (auto& [name, position] : one.positions) position = loop::replace(position, instead);
    }
    for (loop::Recurrence& one : to_.recurrences) {
      for (Term& term : one.multipliers) term = loop::replace(term, instead);
      if (one.constant) one.constant = loop::replace(*one.constant, instead);
    }
    Node store;
    store.id = first.id - kBetween + 1 + static_cast<int>(between), store.line = first.line;
    store.target = element, store.value = value;
    from_.statements.insert(std::ranges::lower_bound(from_.statements, store.id), store.id);
    loop_->body.insert(loop_->body.begin() + static_cast<std::ptrdiff_t>(takers.front()), store);
    verdict_.function.locals.push_back(array);
  }

  loop::Verdict& verdict_;
  Group &from_, &to_;
  Node* loop_ = nullptr;
};

}  // namespace

void space_ids(loop::Verdict& verdict) {
  const auto space = [](int& id) { id *= kBetween; };
  for_each_node(verdict.function.body, [&](Node& node) { space(node.id), space(node.of); });
  for (Group& group : verdict.groups) {
    std::ranges::for_each(group.statements, space);
    for (loop::LoopRole& one : group.loops) space(one.loop);
    for (loop::Reduction& one : group.reductions) std::ranges::for_each(one.statements, space);
    for (loop::Recurrence& one : group.recurrences) space(one.statement);
    for (loop::Counter& one : group.counters) std::ranges::for_each(one.statements, space);
    for (loop::Note& one : group.notes) space(one.from), space(one.to), space(one.loop);
  }
}

loop::Verdict with_values_spread(loop::Verdict verdict) {
  loop::Verdict spread = verdict;
  space_ids(spread);
  for (std::size_t from = 0; from < spread.groups.size(); ++from)
    for (std::size_t to = from + 1; to < spread.groups.size(); ++to)
      Spread(spread, spread.groups[from], spread.groups[to]).run();
  return spread.function.locals.size() > verdict.function.locals.size() ? spread : verdict;
}

}  // namespace ak::port
