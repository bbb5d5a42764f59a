#include "port/pinned.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

namespace {

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
  loop::for_each_term(verdict, [&](Term& term) {
    term = loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      const auto found = part.kind == Term::Kind::scalar ? values.find(part.text) : values.end();
      return found == values.end() ? std::nullopt : std::optional(loop::integer(found->second, part.type));
    });
  });
  return verdict;
}

}  // namespace ak::port
