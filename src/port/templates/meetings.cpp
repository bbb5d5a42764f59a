#include "port/templates/meetings.hpp"

#include "port/templates/emit.hpp"
#include "port/templates/linear.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

Meetings::Meetings(const Node& outer, const Node& inner) : outer_(outer), inner_(inner) {
  loop::for_each_node(inner.body, [&](const Node& node) {
    if (node.kind == Node::Kind::loop) known_ = false;
    if (node.kind == Node::Kind::assign && node.target.kind == Term::Kind::element) writes_.push_back(node.target);
  });
  const Names written = written_arrays(inner.body), moving = assigned_scalars(inner.body);
  std::vector<Term> all = writes_;
  loop::for_each_node(inner.body, [&](const Node& node) {
    for (const Term& term : terms_read(node))
      loop::for_each(term, [&](const Term& part) {
        if (part.kind == Term::Kind::element && written.count(part.text)) all.push_back(part);
      });
  });
  for (const Term& write : writes_)
    for (const Term& other : all)
      if (other.text == write.text) known_ = known_ && !intersect(scalars_of(other), moving) && meet(write, other);
}

/// Whether it is known which iterations touch one element.
bool Meetings::meet(const Term& write, const Term& other) {
  if (write.terms.size() != other.terms.size()) return false;
  std::optional<std::int64_t> rows, cols;
  for (std::size_t i = 0; i < write.terms.size(); ++i) {
    const Linear a = linear(write.terms[i]), b = linear(other.terms[i]);
    const auto by_row = factor_of(a, outer_.variable), by_col = factor_of(a, inner_.variable);
    const auto difference = (b - a).constant();
    if (!by_row || !by_col || !difference || factor_of(b, outer_.variable) != by_row || factor_of(b, inner_.variable) != by_col)
      return false;
    if (*by_row != 0 && *by_col != 0) return false;
    if (*by_row == 0 && *by_col == 0) {
      if (*difference != 0) return true;  // never
      continue;
    }
    const std::int64_t each = *by_row != 0 ? *by_row * outer_.step : *by_col * inner_.step;
    if (*difference % each != 0) return true;
    auto& apart = *by_row != 0 ? rows : cols;
    if (apart && *apart != *difference / each) return true;
    apart = *difference / each;
  }
  if (rows && cols) return add({*rows, *cols}), true;
  if (cols) {  // in every row
    for (const std::int64_t sign : {-1, 1}) {
      add({0, sign * *cols});
      add({1, sign * *cols});
    }
    return true;
  }
  if (rows && *rows == 0) return add({0, 1}), true;
  return false;
}

void Meetings::add(Vector vector) {
  if (vector.rows < 0 || (vector.rows == 0 && vector.cols < 0)) vector = {-vector.rows, -vector.cols};
  if (vector.rows != 0 || vector.cols != 0) vectors_.push_back(vector);
}

bool is_nest(const std::vector<Node>& body) {
  return body.size() == 1 && body[0].kind == Node::Kind::loop && body[0].body.size() == 1 &&
         body[0].body[0].kind == Node::Kind::loop;
}

}  // namespace ak::port
