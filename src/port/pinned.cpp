#include "port/pinned.hpp"

#include <algorithm>

namespace ak::port {

using loop::Node;
using loop::Term;

namespace {

using Change = std::function<void(Term&)>;

void change(std::vector<Node>& body, const Change& with) {
  for (Node& node : body) {
    for (Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end}) with(*term);
    change(node.body, with);
    change(node.otherwise, with);
  }
}

void change(loop::Group& group, const Change& with) {
  for (loop::Reduction& reduction : group.reductions) {
    with(reduction.target), with(reduction.value);
    if (reduction.condition) with(*reduction.condition);
    for (auto& [name, value] : reduction.positions) with(value);
  }
  for (loop::Recurrence& recurrence : group.recurrences) {
    std::ranges::for_each(recurrence.multipliers, with);
    if (recurrence.constant) with(*recurrence.constant);
  }
  for (loop::Counter& counter : group.counters)
    if (counter.condition) with(*counter.condition);
}

bool writes(const loop::Function& function, const std::string& name) {
  bool found = false;
  loop::for_each_node(function.body, [&](const Node& node) {
    found = found || (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar && node.target.text == name);
  });
  return found;
}

}  // namespace

loop::Verdict pinned(loop::Verdict verdict, const loop::CallClass& call) {
  loop::Values values;
  for (const auto& [name, value] : call.values)
    if (!writes(verdict.function, name)) values[name] = value;
  if (values.empty()) return verdict;
  const Change with = [&](Term& term) {
    term = loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      const auto found = part.kind == Term::Kind::scalar ? values.find(part.text) : values.end();
      return found == values.end() ? std::nullopt : std::optional(loop::integer(found->second, part.type));
    });
  };
  change(verdict.function.body, with);
  for (loop::Group& group : verdict.groups) change(group, with);
  for (loop::InRows& access : verdict.in_rows) with(access.flat), with(access.by_rows);
  std::ranges::for_each(verdict.assumed, with);
  for (loop::Parameter& parameter : verdict.function.parameters) std::ranges::for_each(parameter.extents, with);
  return verdict;
}

}  // namespace ak::port
