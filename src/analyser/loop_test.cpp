#include "analyser/loop_test.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;
using Kind = Statement::Kind;

void conjuncts(const Term& term, std::vector<Term>& found) {
  if (term.kind == Term::Kind::binary && term.text == "&&") {
    conjuncts(term.terms[0], found);
    conjuncts(term.terms[1], found);
  } else {
    found.push_back(term);
  }
}

bool leaves(const Statements& list, int loop) {
  return list.size() == 1 && list[0].kind == Kind::leave && list[0].loop == loop;
}

std::optional<LoopTest> test_at(const Statement& loop, std::size_t at) {
  const Statement& statement = loop.body[at];
  if (statement.kind != Kind::branch) return std::nullopt;
  LoopTest test{at, at > 0 && at + 1 == loop.body.size(), {}};
  if (statement.body.empty() && leaves(statement.otherwise, loop.loop))
    conjuncts(statement.condition, test.holds);
  else if (statement.otherwise.empty() && leaves(statement.body, loop.loop))
    conjuncts(negated(statement.condition), test.holds);
  else
    return std::nullopt;
  return test;
}

std::string turned(const std::string& op) {
  if (op == "<") return ">";
  if (op == "<=") return ">=";
  if (op == ">") return "<";
  if (op == ">=") return "<=";
  return op;
}

namespace {

std::optional<Comparison> solve(Term left, std::string op, Term right, const std::set<std::string>& written, int depth) {
  const bool moves_left = mentions_any(left, written), moves_right = mentions_any(right, written);
  if (depth > 16 || moves_left == moves_right) return std::nullopt;
  if (moves_right) return solve(std::move(right), turned(op), std::move(left), written, depth + 1);
  if (left.kind == Term::Kind::scalar && !is_real(left.type)) return Comparison{left.text, op, std::move(right), 1};
  if (left.kind == Term::Kind::convert && left.type == ScalarType::i64 && left.terms[0].type == ScalarType::i32)
    return solve(Term(left.terms[0]), op, std::move(right), written, depth + 1);
  if (left.kind != Term::Kind::binary || is_real(left.type)) return std::nullopt;
  const Term a = left.terms[0], b = left.terms[1];
  const bool in_a = mentions_any(a, written);
  if (in_a && mentions_any(b, written)) return std::nullopt;
  if (left.text == "+") return solve(in_a ? a : b, op, loop::binary("-", right, in_a ? b : a), written, depth + 1);
  if (left.text == "-" && in_a) return solve(a, op, loop::binary("+", right, b), written, depth + 1);
  if (left.text == "-") return solve(b, turned(op), loop::binary("-", a, right), written, depth + 1);
  if (left.text == "*") {
    const auto factor = constant(in_a ? b : a);
    auto inner = factor && *factor > 0 ? solve(in_a ? a : b, op, right, written, depth + 1) : std::nullopt;
    if (!inner || inner->factor != 1 || inner->bound != right) return std::nullopt;
    inner->factor = *factor;
    return inner;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Comparison> compared(const Term& term, const std::set<std::string>& written) {
  if (term.kind == Term::Kind::binary) {
    for (const char* op : {"<", "<=", ">", ">=", "!="})
      if (term.text == op) return solve(term.terms[0], term.text, term.terms[1], written, 0);
  }
  if (!is_real(term.type)) return solve(term, "!=", loop::integer(0), written, 0);  // while (n)
  return std::nullopt;
}

std::optional<Term> step_of(const Statement& statement, const std::string& variable) {
  if (statement.kind != Kind::assign || statement.target.kind != Term::Kind::scalar || statement.target.text != variable)
    return std::nullopt;
  const Term& value = statement.value;
  if (value.kind != Term::Kind::binary || (value.text != "+" && value.text != "-")) return std::nullopt;
  if (value.terms[0] == statement.target && !loop::mentions(value.terms[1], variable))
    return value.text == "+" ? value.terms[1] : loop::unary("-", value.terms[1]);
  if (value.text == "+" && value.terms[1] == statement.target && !loop::mentions(value.terms[0], variable))
    return value.terms[0];
  return std::nullopt;
}

}  // namespace ak::analyser
