#include "analyser/c_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;
using Kind = Statement::Kind;

std::string Draft::unique(const std::string& base) {
  std::string name = base;
  for (int i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  written[name] = base;
  return name;
}

Term Draft::local(const std::string& base, ScalarType type) {
  function.locals.push_back({unique(base), type, {}});
  return loop::scalar(function.locals.back().name, type);
}

void order_parameters(loop::Function& function) {
  auto& all = function.parameters;
  const auto implicit = std::stable_partition(all.begin(), all.end(), [](const auto& one) { return !one.implicit; });
  std::sort(implicit, all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

Statement assign(Term target, Term value, int line) {
  Statement made;
  made.line = line;
  made.target = std::move(target);
  made.value = std::move(value);
  return made;
}

Statement branch(Term condition, Statements body, Statements otherwise, int line) {
  Statement made;
  made.kind = Kind::branch;
  made.line = line;
  made.condition = std::move(condition);
  made.body = std::move(body);
  made.otherwise = std::move(otherwise);
  return made;
}

Statement leave(int loop, int line) {
  Statement made;
  made.kind = Kind::leave;
  made.line = line;
  made.loop = loop;
  return made;
}

void for_each_statement(StatementList body, const std::function<void(const Statement&)>& visit) {
  for (const Statement& statement : body) {
    visit(statement);
    for_each_statement(statement.body, visit);
    for_each_statement(statement.otherwise, visit);
  }
}

void change_statements(Statements& body, const std::function<void(Statement&)>& change) {
  for (Statement& statement : body) {
    change(statement);
    change_statements(statement.body, change);
    change_statements(statement.otherwise, change);
  }
}

void change_terms(Statement& statement, const std::function<void(Term&)>& change) {
  for (Term* term : {&statement.target, &statement.value, &statement.condition, &statement.begin, &statement.end})
    change(*term);
}

std::size_t count(StatementList body) {
  std::size_t found = 0;
  for_each_statement(body, [&](const Statement&) { ++found; });
  return found;
}

std::set<std::string> written_in(StatementList body) {
  std::set<std::string> names;
  for_each_statement(body, [&](const Statement& statement) {
    if (statement.kind == Kind::assign) names.insert(statement.target.text);
    if (statement.counted()) names.insert(statement.variable);
  });
  return names;
}

bool mentions_any(const Term& term, const std::set<std::string>& names) {
  bool found = false;
  loop::for_each(term, [&](const Term& part) {
    if (part.kind == Term::Kind::scalar || part.kind == Term::Kind::element) found = found || names.contains(part.text);
  });
  return found;
}

bool may_change(const Term& term, StatementList body, const loop::Function& function) {
  const auto is_local = [&](const std::string& array) {
    return std::ranges::any_of(function.locals, [&](const loop::Local& local) { return local.name == array; });
  };
  bool found = false;
  loop::for_each(term, [&](const Term& read) {
    if (read.kind != Term::Kind::element || found) return;
    for_each_statement(body, [&](const Statement& statement) {
      const Term& target = statement.target;
      if (statement.kind != Statement::Kind::assign || target.kind != Term::Kind::element || target.type != read.type) return;
      found = found || target.text == read.text || (!is_local(target.text) && !is_local(read.text));
    });
  });
  return found;
}

bool reads(StatementList body, const std::string& name) {
  bool found = false;
  for_each_statement(body, [&](const Statement& statement) {
    for (const Term* term : {&statement.value, &statement.condition, &statement.begin, &statement.end})
      found = found || loop::mentions(*term, name);
    for (const Term& subscript : statement.target.terms) found = found || loop::mentions(subscript, name);
  });
  return found;
}

void replace_scalar(Statements& body, const std::string& name, const Term& with) {
  const auto change = [&](Term& term) {
    term = loop::replace(term, [&](const Term& part) -> std::optional<Term> {
      if (part.kind == Term::Kind::scalar && part.text == name) return with;
      return std::nullopt;
    });
  };
  change_statements(body, [&](Statement& statement) { change_terms(statement, change); });
}

bool is_literal(const Term& term) {
  return term.kind == Term::Kind::integer || term.kind == Term::Kind::real ||
         (term.kind == Term::Kind::unary && is_literal(term.terms[0]));
}

std::optional<std::int64_t> constant(const Term& term) { return loop::evaluate(term, {}); }

Term choice(Term condition, Term yes, Term no) {
  if (const auto side = constant(condition)) return *side ? yes : no;
  const ScalarType type = yes.type;
  return {Term::Kind::choose, type, {}, {std::move(condition), std::move(yes), std::move(no)}};
}

Term negated(const Term& condition) {
  constexpr std::pair<std::string_view, std::string_view> kOpposite[] = {{"<", ">="}, {">=", "<"},  {">", "<="},
                                                                         {"<=", ">"}, {"==", "!="}, {"!=", "=="}};
  if (condition.kind == Term::Kind::binary)
    for (const auto& [op, opposite] : kOpposite) {
      // Of floating-point numbers only == and != have an opposite: NaN.
      const bool ordered = op != "==" && op != "!=";
      if (condition.text == op && !(ordered && (is_real(condition.terms[0].type) || is_real(condition.terms[1].type))))
        return loop::binary(std::string(opposite), condition.terms[0], condition.terms[1]);
    }
  if (condition.kind == Term::Kind::binary && condition.text == "||")
    return loop::binary("&&", negated(condition.terms[0]), negated(condition.terms[1]));
  if (condition.kind == Term::Kind::unary && condition.text == "!") {
    const Term& inner = condition.terms[0];
    const bool truth = inner.kind == Term::Kind::binary && inner.type == ScalarType::i32;
    if (truth) return inner;
  }
  return loop::unary("!", condition);
}

Term rebuilt(const Term& term) {
  return loop::replace(term, [](const Term& part) -> std::optional<Term> {
    if (part.kind == Term::Kind::binary) return loop::binary(part.text, part.terms[0], part.terms[1]);
    if (part.kind == Term::Kind::unary) return loop::unary(part.text, part.terms[0]);
    if (part.kind == Term::Kind::convert) return cast(part.type, part.terms[0]);
    if (part.kind == Term::Kind::choose)
      if (const auto side = constant(part.terms[0])) return cast(part.type, part.terms[*side ? 1 : 2]);
    return std::nullopt;
  });
}

Term cast(ScalarType to, Term value) {
  if (value.type == to) return value;
  if (is_real(to)) {
    if (const auto whole = constant(value); whole && std::abs(*whole) <= 1 << 24)
      return {Term::Kind::real, to, fmt::format("{}.0", *whole), {}};
    if (value.kind == Term::Kind::unary && value.text == "-" && value.terms[0].kind == Term::Kind::real)
      return loop::unary("-", cast(to, value.terms[0]));
    if (value.kind == Term::Kind::real && to == ScalarType::f32) {
      // The double that C rounds to float first may lie between two of these.
      const char *begin = value.text.data(), *end = begin + value.text.size();
      double wide = 0;
      float narrow = 0;
      if (std::from_chars(begin, end, wide).ec == std::errc() && std::from_chars(begin, end, narrow).ec == std::errc() &&
          static_cast<float>(wide) == narrow)
        value.type = to;
      if (value.type == to) return value;
    }
  } else if (const auto whole = constant(value); whole && !is_real(value.type)) {
    if (to == ScalarType::i64 || *whole == static_cast<std::int32_t>(*whole)) return loop::integer(*whole, to);
  }
  return loop::convert(to, std::move(value));
}

}  // namespace ak::analyser
