#include "analyser/modules/loop_unrolling.hpp"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace ak::analyser {

namespace {

using loop::Node;
using loop::Term;

/// Words that are equal for terms and nodes which are the same but for the writing of integer sums.
class Shape {
 public:
  /// With `shift` added to the variable.
  Shape(std::string variable, std::int64_t shift) : variable_(std::move(variable)), shift_(shift) {}

  std::string of(const Term& term) const {
    if (is_real(term.type)) return structure(term);
    std::string text = fmt::format("{}(", name(term.type));
    for (const auto& [part, factor] : sum(term))
      if (factor != 0) text += fmt::format("{}*{} ", factor, part);
    return text + ")";
  }

  std::string of(const Node& node) const {
    std::string text = fmt::format("{}<{}={}?{}>", static_cast<int>(node.kind), of(node.target), of(node.value), of(node.condition));
    for (const Node& inner : node.body) text += of(inner) + ";";
    text += "|";
    for (const Node& inner : node.otherwise) text += of(inner) + ";";
    return text;
  }

 private:
  std::string structure(const Term& term) const {
    std::string text = fmt::format("{}:{}:{}[", static_cast<int>(term.kind), name(term.type), term.text);
    for (const Term& part : term.terms) text += of(part) + ",";
    return text + "]";
  }

  /// Of integers: factors by part; "" is the constant.
  std::map<std::string, std::int64_t> sum(const Term& term) const {
    if (const auto value = loop::evaluate(term, {})) return {{"", *value}};
    if (term.kind == Term::Kind::scalar && term.text == variable_) return {{structure(term), 1}, {"", shift_}};
    if (term.kind == Term::Kind::binary && (term.text == "+" || term.text == "-")) {
      auto all = sum(term.terms[0]);
      for (const auto& [part, factor] : sum(term.terms[1])) all[part] += term.text == "+" ? factor : -factor;
      return all;
    }
    if (term.kind == Term::Kind::binary && term.text == "*")
      for (const int side : {0, 1})
        if (const auto factor = loop::evaluate(term.terms[side], {})) {
          auto all = sum(term.terms[1 - side]);
          for (auto& part : all) part.second *= *factor;
          return all;
        }
    return {{structure(term), 1}};
  }

  std::string variable_;
  std::int64_t shift_;
};

bool is_simple(const std::vector<Node>& body) {
  bool simple = true;
  loop::for_each_node(body, [&](const Node& node) {
    if (node.kind != Node::Kind::assign && node.kind != Node::Kind::branch) simple = false;
  });
  return simple;
}

/// Whether the body is `parts` times one part, each `by` further on.
bool repeats(const Node& loop, std::int64_t parts, std::int64_t by) {
  const std::size_t length = loop.body.size() / parts;
  for (std::int64_t part = 1; part < parts; ++part)
    for (std::size_t i = 0; i < length; ++i)
      if (Shape(loop.variable, part * by).of(loop.body[i]) != Shape(loop.variable, 0).of(loop.body[part * length + i])) return false;
  return true;
}

/// Whether some subscript moves; a body repeated as it stands is no unrolled loop.
bool moves(const Node& loop) {
  bool found = false;
  loop::for_each_node(loop.body, [&](const Node& node) {
    for (const Term* term : {&node.target, &node.value, &node.condition}) found |= mentions(*term, loop.variable);
  });
  return found;
}

void add_terms(const Term& term, std::vector<Term>& terms) {
  if (term.kind == Term::Kind::binary && term.text == "+" && is_real(term.type) == is_real(term.terms[0].type)) {
    add_terms(term.terms[0], terms);
    add_terms(term.terms[1], terms);
  } else {
    terms.push_back(term);
  }
}

/// The one term of `t = t + term(i) + term(i + by) + ...`.
std::optional<Term> unrolled_sum(const Node& loop, std::int64_t parts, std::int64_t by) {
  if (loop.body.size() != 1 || loop.body[0].kind != Node::Kind::assign) return std::nullopt;
  const Node& node = loop.body[0];
  if (mentions(node.target, loop.variable)) return std::nullopt;
  std::vector<Term> terms;
  add_terms(node.value, terms);
  if (std::erase(terms, node.target) != 1 || static_cast<std::int64_t>(terms.size()) != parts) return std::nullopt;
  for (std::int64_t part = 0; part < parts; ++part) {
    if (mentions(terms[part], node.target.text)) return std::nullopt;
    if (Shape(loop.variable, part * by).of(terms[0]) != Shape(loop.variable, 0).of(terms[part])) return std::nullopt;
  }
  return loop::binary("+", node.target, terms[0]);
}

bool reroll(Node& loop, std::vector<loop::Note>& notes) {
  const std::int64_t step = loop.step;
  if (step < 2 || loop.body.empty() || !is_simple(loop.body) || !moves(loop)) return false;
  for (std::int64_t parts = step; parts > 1; --parts) {
    if (step % parts != 0) continue;
    const std::int64_t by = step / parts;
    const auto sum = unrolled_sum(loop, parts, by);
    if (sum)
      loop.body[0].value = *sum;
    else if (loop.body.size() % parts == 0 && repeats(loop, parts, by))
      loop.body.resize(loop.body.size() / parts);
    else
      continue;
    const loop::ScalarType type = loop.variable_type;
    const Term length = loop::binary("+", loop::binary("-", loop.end, loop.begin), loop::integer(step - 1, type));
    const Term count = loop::binary("*", loop::binary("/", length, loop::integer(step, type)), loop::integer(step, type));
    loop.end = loop::binary("+", loop.begin, count);
    loop.step = by;
    notes.push_back({loop::Note::Kind::reroll, {}, parts, loop.body.front().id, loop.body.back().id, loop.id});
    return true;
  }
  return false;
}

void visit(std::vector<Node>& body, std::vector<loop::Note>& notes) {
  for (Node& node : body) {
    visit(node.body, notes);
    visit(node.otherwise, notes);
    if (node.kind == Node::Kind::loop) reroll(node, notes);
  }
}

}  // namespace

loop::Function rerolled(loop::Function function, std::vector<loop::Note>& notes) {
  visit(function.body, notes);
  return function;
}

}  // namespace ak::analyser
