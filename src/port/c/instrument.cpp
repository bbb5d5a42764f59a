#include "port/c/instrument.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ak::port {

using loop::Function;
using loop::Node;
using loop::ScalarType;
using loop::Term;
using Kind = loop::Term::Kind;

namespace {

constexpr const char* kMacros =
    "#define ak_at(i, n, node) ((unsigned long long)(i) < (unsigned long long)(n) ? (i) : \\\n"
    "  (counts_[0]++ == 0 ? (counts_[1] = (node), counts_[2] = (i), 0) : 0))\n"
    "#define ak_side(c, at) ((c) ? (++counts_[at], 1) : (++counts_[(at) + 1], 0))\n";

void change(std::vector<Node>& body, const std::function<void(Node&)>& with) {
  for (Node& node : body) {
    change(node.body, with);
    change(node.otherwise, with);
    with(node);
  }
}

bool leaves(const Node& branch) {
  bool found = false;
  for (const std::vector<Node>* side : {&branch.body, &branch.otherwise})
    loop::for_each_node(
        *side, [&](const Node& node) { found = found || node.kind == Node::Kind::leave || node.kind == Node::Kind::finish; });
  return found;
}

class Instrumenting {
 public:
  explicit Instrumenting(Function& function) : function_(function) {
    change(function.body, [this](Node& node) {
      for (Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end}) *term = checked(*term, node);
      if (node.kind == Node::Kind::branch) node.condition = counted(std::move(node.condition), node, leaves(node));
    });
    const int turns = Instrumented::kSides + 2 * static_cast<int>(conditions.size());
    change(function.body, [&](Node& node) {
      if (node.kind != Node::Kind::loop) return;
      Node count;
      count.target = loop::element("counts_", {loop::integer(turns + loops++)}, ScalarType::i64);
      count.value = loop::binary("+", count.target, loop::integer(1));
      node.body.insert(node.body.begin(), std::move(count));
    });
  }
  std::vector<Condition> conditions;
  int loops = 0;

 private:
  const Term* extent_of(const std::string& array) const {
    if (const loop::Parameter* parameter = loop::find_parameter(function_, array))
      return parameter->length_known && parameter->extents.size() == 1 ? &parameter->extents[0] : nullptr;
    for (const loop::Local& local : function_.locals)
      if (local.name == array && local.extents.size() == 1) return &local.extents[0];
    return nullptr;
  }

  Term checked(const Term& term, const Node& node) {
    return loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      if (part.kind == Kind::choose) {
        Term choice = part;
        choice.terms[0] = counted(std::move(choice.terms[0]), node, false);
        return choice;
      }
      if (part.kind != Kind::element || part.terms.size() != 1) return std::nullopt;
      const Term* extent = extent_of(part.text);
      if (!extent) return std::nullopt;
      const Term& at = part.terms[0];
      const Term checked{Kind::call, at.type, "ak_at", {at, loop::in_64_bits(*extent), loop::integer(node.id)}};
      return loop::element(part.text, {checked}, part.type);
    });
  }

  Term counted(Term condition, const Node& node, bool leaves) {
    const int at = Instrumented::kSides + 2 * static_cast<int>(conditions.size());
    conditions.push_back({node.id, node.line, {}, leaves});
    return Term{Kind::call, ScalarType::i32, "ak_side", {std::move(condition), loop::integer(at)}};
  }

  const Function& function_;
};

/// The conditions' own texts, in the order in which they are counted.
std::vector<std::string> texts_of(Function function) {
  std::vector<std::string> texts;
  change(function.body, [&](Node& node) {
    for (Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end})
      loop::replace(*term, [&](const Term& part) -> std::optional<Term> {
        if (part.kind == Kind::choose) texts.push_back(loop::c_text(part.terms[0]));
        return std::nullopt;
      });
    if (node.kind == Node::Kind::branch) texts.push_back(loop::c_text(node.condition));
  });
  return texts;
}

Term term_in_double(const Term& term) {
  Term wide = loop::replace(term, [](const Term& part) -> std::optional<Term> {
    Term copy = part;
    if (part.kind == Kind::call && part.type == ScalarType::f32 && part.text.ends_with('f')) copy.text.pop_back();
    if (part.kind == Kind::convert && part.type == ScalarType::f32) {
      if (part.terms[0].type == ScalarType::f64) return part.terms[0];
    }
    if (copy.type == ScalarType::f32) copy.type = ScalarType::f64;
    return copy;
  });
  return wide;
}

}  // namespace

std::string c_function(const Function& function, const std::string& name, const std::string& more) {
  Function without = function;
  without.returns = ScalarType::none;  // a C function's value is no parameter
  std::string parameters = loop::c_parameters(without, false);
  if (!more.empty()) parameters += (parameters.empty() ? "" : ", ") + more;
  std::string text =
      fmt::format("static {} {}({}) {{\n", c_name(function.returns), name, parameters.empty() ? "void" : parameters);
  for (const loop::Local& local : function.locals) {
    std::string extents;
    for (const Term& extent : local.extents) extents += "[" + loop::c_text(extent) + "]";
    text += fmt::format("  {} {}{}{};\n", c_name(local.type), local.name, extents, extents.empty() ? " = 0" : " = {0}");
  }
  return text + loop::c_text(function.body, 2) + "}\n";
}

Instrumented instrumented(const Function& function, const std::string& name) {
  Function flat = loop::flattened(function);
  Instrumenting made(flat);
  Instrumented result{std::string(kMacros) + c_function(flat, name, "long long* counts_"), std::move(made.conditions),
                      made.loops};
  const std::vector<std::string> texts = texts_of(function);
  for (std::size_t i = 0; i < texts.size(); ++i) result.conditions[i].text = texts[i];
  return result;
}

Function in_double(Function function) {
  const auto widen = [](ScalarType& type) {
    if (type == ScalarType::f32) type = ScalarType::f64;
  };
  widen(function.returns);
  for (loop::Parameter& parameter : function.parameters) widen(parameter.type);
  for (loop::Local& local : function.locals) widen(local.type);
  change(function.body, [](Node& node) {
    for (Term* term : {&node.target, &node.value, &node.condition, &node.begin, &node.end}) *term = term_in_double(*term);
  });
  return function;
}

}  // namespace ak::port
