#include "port/templates/rows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "port/templates/emit.hpp"
#include "port/templates/loop_sweep.hpp"

namespace ak::port {

using loop::Node;
using loop::Term;

std::optional<Rows> rows_of(const Work& work) {
  Rows rows;
  const std::vector<Node>* body = &work.body;
  while (body->size() == 1 && (*body)[0].kind == Node::Kind::branch) {
    const Node& branch = (*body)[0];
    if (branch.body.empty() == branch.otherwise.empty() || intersect(arrays_of(branch.condition), written_arrays(work.body)) ||
        intersect(scalars_of(branch.condition), assigned_scalars(work.body)))
      return std::nullopt;
    rows.guards.push_back(branch.body.empty() ? loop::unary("!", branch.condition) : branch.condition);
    body = branch.body.empty() ? &branch.otherwise : &branch.body;
  }
  for (std::size_t depth = 0; depth < work.group.loops.size(); ++depth) {
    const auto loop =
        std::find_if(body->begin(), body->end(), [&](const Node& node) { return node.id == work.group.loops[depth].loop; });
    if (loop == body->end() || loop->kind != Node::Kind::loop) return std::nullopt;
    const std::vector<Node> head(body->begin(), loop), tail(loop + 1, body->end());
    const bool innermost = depth + 1 == work.group.loops.size();
    if (!(head.empty() && tail.empty()) && (!innermost || depth == 0)) return std::nullopt;
    if (innermost) {
      rows.loop = *loop;
      rows.head = head;
      rows.tail = tail;
    } else {
      for (const Node& outer : rows.outer)
        if (loop::mentions(loop->begin, outer.variable) || loop::mentions(loop->end, outer.variable)) return std::nullopt;
      if (work.group.loops[depth].role != loop::Role::parallel) return std::nullopt;
      rows.outer.push_back(*loop);
      rows.outer.back().body.clear();
    }
    body = &loop->body;
  }
  if (rows.loop.id == 0) return std::nullopt;
  return rows;
}

std::optional<Term> trips(const Work& work, const Node& loop) {
  const Term &from = loop.step > 0 ? loop.begin : loop.end, &to = loop.step > 0 ? loop.end : loop.begin;
  const std::int64_t step = loop.step > 0 ? loop.step : -loop.step;
  Term count = loop::binary("-", loop::convert(loop::ScalarType::i64, to), from);
  for (auto before = work.before.rbegin(); before != work.before.rend(); ++before)
    count = loop::replace(count, [&](const Term& part) {
      return before->kind == Node::Kind::assign && part == before->target ? std::optional(before->value) : std::nullopt;
    });
  bool known = true;
  const Names assigned = assigned_scalars(work.function->body);
  loop::for_each(count, [&](const Term& part) {
    const loop::Parameter* parameter = loop::find_parameter(*work.function, part.text);
    if (part.kind == Term::Kind::scalar) known = known && parameter && !parameter->pointer && !assigned.count(part.text);
    known = known && !is_real(part.type) && part.kind != Term::Kind::element && part.kind != Term::Kind::call;
  });
  if (!known) return std::nullopt;
  const Term rounded = loop::binary("/", loop::binary("+", count, loop::integer(step - 1)), loop::integer(step));
  const Term none = loop::integer(0, loop::ScalarType::i64);
  return Term{Term::Kind::choose, loop::ScalarType::i64, {}, {loop::binary(">", count, none), rounded, none}};
}

Term row_count(const Work& work, const Rows& rows) {
  Term count = loop::integer(1);
  for (const Node& outer : rows.outer)
    count = loop::binary("*", std::move(count), trips(work, outer).value_or(loop::scalar(loop::kSms, loop::ScalarType::i32)));
  return count;
}

std::string guarded(const Rows& rows, const std::string& count) {
  std::string text;
  for (const Term& guard : rows.guards) text += fmt::format("({}) && ", loop::c_text(guard));
  return text.empty() ? count : fmt::format("{} ? {} : 0", text.substr(0, text.size() - 4), count);
}

std::string count_rows(const Rows& rows) {
  std::string text, product;
  for (const Node& outer : rows.outer) {
    text += fmt::format("  const long long {}_trips_ = {};\n", outer.variable, trips_text(outer));
    product += fmt::format("{0}({1}_trips_ > 0 ? {1}_trips_ : 0)", product.empty() ? "" : " * ", outer.variable);
  }
  return text + fmt::format("  const long long rows_ = {};\n", guarded(rows, product.empty() ? "1" : product));
}

std::string in_row(const Rows& rows, const std::string& number, int indent) {
  std::string text, rest = number;
  for (std::size_t i = rows.outer.size(); i-- > 0;) {
    const std::string& name = rows.outer[i].variable;
    const std::string own = i == 0 ? rest : fmt::format("({} % {}_trips_)", rest, name);
    text += std::string(indent, ' ') + variable_text(rows.outer[i], own) + "\n";
    rest = fmt::format("({} / {}_trips_)", rest, name);
  }
  return text;
}

}  // namespace ak::port
