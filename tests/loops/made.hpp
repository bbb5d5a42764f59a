// Functions written by hand, for the tests of what comes after the analysis.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loop/function.hpp"

namespace made {

using ak::loop::binary;
using ak::loop::Function;
using ak::loop::integer;
using ak::loop::Node;
using ak::loop::Parameter;
using ak::loop::ScalarType;
using ak::loop::Term;

inline Term i32(std::string name) { return ak::loop::scalar(std::move(name), ScalarType::i32); }
inline Term f32(std::string name) { return ak::loop::scalar(std::move(name), ScalarType::f32); }
inline Term real(std::string text, ScalarType type = ScalarType::f32) { return {Term::Kind::real, type, std::move(text), {}}; }
inline Term at(std::string array, Term subscript, ScalarType type = ScalarType::f32) {
  return ak::loop::element(std::move(array), {std::move(subscript)}, type);
}
inline Term call(std::string name, std::vector<Term> terms, ScalarType type = ScalarType::f32) {
  return {Term::Kind::call, type, std::move(name), std::move(terms)};
}

inline Parameter size(std::string name) { return {std::move(name), ScalarType::i32, false, false, false, {}, true}; }
inline Parameter value(std::string name, ScalarType type = ScalarType::f32) {
  return {std::move(name), type, false, false, false, {}, true};
}
inline Parameter array(std::string name, Term extent, bool constant = false, ScalarType type = ScalarType::f32) {
  return {std::move(name), type, true, constant, false, {std::move(extent)}, true};
}

inline Node assign(int id, Term target, Term value) {
  Node node;
  node.id = node.line = id;
  node.target = std::move(target), node.value = std::move(value);
  return node;
}
inline Node loop(int id, std::string variable, Term begin, Term end, std::vector<Node> body, std::int64_t step = 1) {
  Node node;
  node.kind = Node::Kind::loop;
  node.id = node.line = id;
  node.variable = std::move(variable), node.begin = std::move(begin), node.end = std::move(end), node.step = step;
  node.body = std::move(body);
  return node;
}
inline Node branch(int id, Term condition, std::vector<Node> body, std::vector<Node> otherwise = {}) {
  Node node;
  node.kind = Node::Kind::branch;
  node.id = node.line = id;
  node.condition = std::move(condition);
  node.body = std::move(body), node.otherwise = std::move(otherwise);
  return node;
}
inline Node leave(int id, int of) {
  Node node;
  node.kind = Node::Kind::leave;
  node.id = node.line = id;
  node.of = of;
  return node;
}
inline Node finish(int id, Term value) {
  Node node;
  node.kind = Node::Kind::finish;
  node.id = node.line = id;
  node.value = std::move(value);
  return node;
}
inline Function function(std::string name, std::vector<Parameter> parameters, std::vector<Node> body,
                         ScalarType returns = ScalarType::none) {
  Function made;
  made.name = std::move(name), made.parameters = std::move(parameters), made.body = std::move(body), made.returns = returns;
  return made;
}

/// for i < n: b[i] = a[i + 1] * 0.5f
inline Function halved() {
  return function("halved", {size("n"), array("b", i32("n")), array("a", binary("+", i32("n"), integer(1)), true)},
                  {loop(1, "i", integer(0), i32("n"),
                        {assign(2, at("b", i32("i")), binary("*", at("a", binary("+", i32("i"), integer(1))), real("0.5")))})});
}
/// return the sum of a[0] to a[n - 1]
inline Function summed() {
  Function made = function("summed", {size("n"), array("a", i32("n"), true)},
                           {assign(1, f32("s"), real("0.0")),
                            loop(2, "i", integer(0), i32("n"), {assign(3, f32("s"), binary("+", f32("s"), at("a", i32("i"))))}),
                            finish(4, f32("s"))},
                           ScalarType::f32);
  made.locals = {{"s", ScalarType::f32, {}}};
  return made;
}

}  // namespace made
