#include "port/templates/emit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ak::port {

using loop::Function;
using loop::Node;
using loop::Term;

std::vector<Node> only(const std::vector<Node>& body, const std::set<int>& statements) {
  std::vector<Node> kept;
  for (Node node : body) {
    node.body = only(node.body, statements);
    node.otherwise = only(node.otherwise, statements);
    const bool nest = node.kind == Node::Kind::loop || node.kind == Node::Kind::branch;
    if (nest ? !node.body.empty() || !node.otherwise.empty() : statements.count(node.id) > 0) kept.push_back(std::move(node));
  }
  return kept;
}

namespace {

using Replacement = std::function<std::optional<Term>(const Term&)>;

std::vector<Node> replaced(std::vector<Node> body, const Replacement& with, bool targets) {
  for (Node& node : body) {
    for (Term* term : {&node.value, &node.condition, &node.begin, &node.end}) *term = loop::replace(*term, with);
    if (targets) node.target = loop::replace(node.target, with);
    for (Term& subscript : node.target.terms)
      if (!targets) subscript = loop::replace(subscript, with);
    node.body = replaced(std::move(node.body), with, targets);
    node.otherwise = replaced(std::move(node.otherwise), with, targets);
  }
  return body;
}

bool any(const std::vector<Node>& body, const std::function<bool(const Node&)>& holds) {
  bool found = false;
  loop::for_each_node(body, [&](const Node& node) { found = found || holds(node); });
  return found;
}

Names names_of(const Term& term, Term::Kind kind) {
  Names names;
  loop::for_each(term, [&](const Term& part) {
    if (part.kind == kind) names.insert(part.text);
  });
  return names;
}

class Flow {
 public:
  void walk(const std::vector<Node>& body) {
    for (const Node& node : body) walk(node);
  }
  ScalarFlow flow;

 private:
  void walk(const Node& node) {
    for (const Term& term : terms_read(node))
      for (const std::string& name : scalars_of(term))
        if (!flow.definite.count(name)) flow.exposed.insert(name);
    const Names before = flow.definite;
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar) flow.definite.insert(node.target.text);
    if (node.kind == Node::Kind::loop) {
      flow.definite.insert(node.variable);
      walk(node.body);
      flow.definite = before;
    }
    if (node.kind == Node::Kind::branch) {
      walk(node.body);
      const Names then = std::exchange(flow.definite, before);
      walk(node.otherwise);
      std::erase_if(flow.definite, [&](const std::string& name) { return !then.count(name); });
    }
  }
};

/// Where values are returned, and nothing else, a kernel has a store.
std::vector<Node> with_results(const std::vector<Node>& body) {
  std::vector<Node> out;
  for (Node node : body) {
    node.body = with_results(node.body);
    node.otherwise = with_results(node.otherwise);
    if (node.kind == Node::Kind::finish && node.value != Term{}) {
      Node store;
      store.id = node.id;
      store.target = loop::element(loop::kResult, {loop::integer(0)}, node.value.type);
      store.value = std::exchange(node.value, Term{});
      out.push_back(std::move(store));
    }
    out.push_back(std::move(node));
  }
  return out;
}

}  // namespace

std::vector<Node> replace_reads(std::vector<Node> body, const Replacement& with) {
  return replaced(std::move(body), with, false);
}
std::vector<Node> replace_all(std::vector<Node> body, const Replacement& with) { return replaced(std::move(body), with, true); }

bool has_loop(const std::vector<Node>& body) {
  return any(body, [](const Node& node) { return node.kind == Node::Kind::loop; });
}

bool has_exit(const std::vector<Node>& body) {
  return any(body, [](const Node& node) { return node.kind == Node::Kind::leave || node.kind == Node::Kind::finish; });
}

bool finishes(const std::vector<Node>& body) {
  return any(body, [](const Node& node) { return node.kind == Node::Kind::finish; });
}

Names assigned_scalars(const std::vector<Node>& body) {
  Names names;
  loop::for_each_node(body, [&](const Node& node) {
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::scalar) names.insert(node.target.text);
  });
  return names;
}

Names written_arrays(const std::vector<Node>& body) {
  Names names;
  loop::for_each_node(body, [&](const Node& node) {
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element) names.insert(node.target.text);
  });
  return names;
}

Names arrays_of(const Term& term) { return names_of(term, Term::Kind::element); }
Names scalars_of(const Term& term) { return names_of(term, Term::Kind::scalar); }

std::vector<Term> terms_read(const Node& node) {
  switch (node.kind) {
    case Node::Kind::assign: {
      std::vector<Term> terms = node.target.terms;
      terms.push_back(node.value);
      return terms;
    }
    case Node::Kind::branch:
      return {node.condition};
    case Node::Kind::loop:
      return {node.begin, node.end};
    case Node::Kind::leave:
      return {};
    case Node::Kind::finish:
      return {node.value};
  }
  return {};
}

Names read_arrays(const std::vector<Node>& body) {
  Names names;
  loop::for_each_node(body, [&](const Node& node) {
    for (const Term& term : terms_read(node)) names.merge(arrays_of(term));
  });
  return names;
}

ScalarFlow scalar_flow(const std::vector<Node>& body) {
  Flow flow;
  flow.walk(body);
  return flow.flow;
}

loop::Role role_of(const loop::Group& group, int loop) {
  for (const loop::LoopRole& one : group.loops)
    if (one.loop == loop) return one.role;
  return loop::Role::sequential;
}

bool iterations_meet(const loop::Group& group, int loop) {
  using Kind = loop::Note::Kind;
  return std::any_of(group.notes.begin(), group.notes.end(), [&](const loop::Note& note) {
    return note.loop == loop && (note.kind == Kind::anti || note.kind == Kind::output);
  });
}

loop::ScalarType type_of(const Function& function, const std::string& scalar) {
  for (const loop::Local& local : function.locals)
    if (local.name == scalar) return local.type;
  const loop::Parameter* parameter = loop::find_parameter(function, scalar);
  return parameter ? parameter->type : loop::ScalarType::none;
}

std::optional<Term> length_of(const Work& work, const std::string& array) {
  for (const loop::Local& local : work.function->locals)
    if (local.name == array && !local.extents.empty()) return local.extents[0];
  const loop::Parameter* parameter = loop::find_parameter(*work.function, array);
  if (!parameter || !parameter->length_known || parameter->extents.empty()) return std::nullopt;
  return loop::in_64_bits(parameter->extents[0]);
}

std::optional<Term> certain_length_of(const Work& work, const std::string& array) {
  const loop::Parameter* parameter = loop::find_parameter(*work.function, array);
  return parameter && !parameter->length_certain ? std::nullopt : length_of(work, array);
}

bool intersect(const Names& a, const Names& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& name) { return b.count(name) > 0; });
}

std::string opening(const Work& work) {
  Names named;
  for (const auto* body : {&work.body, &work.before, &work.after}) {
    named.merge(assigned_scalars(*body));
    named.merge(scalar_flow(*body).exposed);
  }
  for (const Passed& kept : work.kept) named.insert(kept.scalar);
  std::string text;
  for (const loop::Local& local : work.function->locals)
    if (local.extents.empty() && named.count(local.name))
      text += fmt::format("  [[maybe_unused]] {} {} = 0;\n", loop::c_name(local.type), local.name);  // not by each kernel
  for (const loop::Local& local : work.function->locals)
    if (work.own.count(local.name) && (read_arrays(work.body).count(local.name) || written_arrays(work.body).count(local.name)))
      text += fmt::format("  {} {}[{}];\n", loop::c_name(local.type), local.name, loop::c_text(local.extents[0]));
  return text + statements(work.before, 2);
}

std::string closing(const Work& work, int indent) {
  std::string text;
  text += statements(work.after, indent);
  for (const Passed& kept : work.kept) text += fmt::format("{:{}}{}[0] = {};\n", "", indent, kept.scratch, kept.scalar);
  return text;
}

std::vector<loop::Scratch> kept_scratch(const Work& work) {
  std::vector<loop::Scratch> scratch;
  for (const Passed& kept : work.kept)
    scratch.push_back({kept.scratch, type_of(*work.function, kept.scalar), loop::integer(1), false});
  return scratch;
}

std::string statements(const std::vector<Node>& body, int indent) { return loop::c_text(with_results(body), indent); }

}  // namespace ak::port
