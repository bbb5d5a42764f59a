#include "loop/term.hpp"

#include <fmt/format.h>

#include <charconv>

namespace ak::loop {

namespace {

using Kind = Term::Kind;

std::optional<std::int64_t> value_of(const Term& term) {
  if (term.kind != Kind::integer) return std::nullopt;
  std::int64_t value = 0;
  const char* end = term.text.data() + term.text.size();
  const auto [at, error] = std::from_chars(term.text.data(), end, value);
  return error == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

/// Strength of a binary operator: a greater one binds more tightly.
int strength(std::string_view op) {
  struct Row {
    std::string_view op;
    int strength;
  };
  constexpr Row kRows[] = {{"||", 1}, {"&&", 2}, {"|", 3},  {"^", 4},  {"&", 5}, {"==", 6}, {"!=", 6}, {"<", 7},  {"<=", 7},
                           {">", 7},  {">=", 7}, {"<<", 8}, {">>", 8}, {"+", 9}, {"-", 9},  {"*", 10}, {"/", 10}, {"%", 10}};
  for (const Row& row : kRows)
    if (row.op == op) return row.strength;
  return 0;
}

constexpr int kUnary = 11, kPostfix = 12;

int strength(const Term& term) {
  switch (term.kind) {
    case Kind::binary:
      return strength(term.text);
    case Kind::choose:
      return 0;
    case Kind::unary:
    case Kind::convert:
      return kUnary;
    case Kind::integer:
    case Kind::real:
      return term.text.starts_with("-") ? kUnary : kPostfix;
    default:
      return kPostfix;
  }
}

bool compares(std::string_view op) { return strength(op) == 6 || strength(op) == 7 || op == "&&" || op == "||"; }

std::optional<std::int64_t> compute(std::string_view op, std::int64_t a, std::int64_t b) {
  const auto wrap = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
  if (op == "+") return wrap(ua + ub);
  if (op == "-") return wrap(ua - ub);
  if (op == "*") return wrap(ua * ub);
  if (op == "/" || op == "%") {
    if (b == 0 || (b == -1 && a == INT64_MIN)) return std::nullopt;
    return op == "/" ? a / b : a % b;
  }
  if (op == "<<" || op == ">>") {
    if (b < 0 || b > 63) return std::nullopt;
    return op == "<<" ? wrap(ua << b) : a >> b;
  }
  if (op == "&") return a & b;
  if (op == "|") return a | b;
  if (op == "^") return a ^ b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  if (op == ">=") return a >= b;
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  if (op == "&&") return a && b;
  if (op == "||") return a || b;
  return std::nullopt;
}

/// C's usual conversions for our types.
ScalarType common(ScalarType a, ScalarType b) {
  if (a == ScalarType::f64 || b == ScalarType::f64) return ScalarType::f64;
  if (a == ScalarType::f32 || b == ScalarType::f32) return ScalarType::f32;
  if (a == ScalarType::i64 || b == ScalarType::i64) return ScalarType::i64;
  return ScalarType::i32;
}

std::string literal(const Term& term) {
  if (term.kind == Kind::integer) return term.type == ScalarType::i64 ? term.text + "LL" : term.text;
  return term.type == ScalarType::f32 ? term.text + "f" : term.text;
}

}  // namespace

Term integer(std::int64_t value, ScalarType type) { return {Kind::integer, type, fmt::format("{}", value), {}}; }
Term scalar(std::string name, ScalarType type) { return {Kind::scalar, type, std::move(name), {}}; }
Term element(std::string array, std::vector<Term> subscripts, ScalarType type) {
  return {Kind::element, type, std::move(array), std::move(subscripts)};
}

Term unary(std::string op, Term a) {
  if (const auto value = value_of(a); value && op == "-" && *value != INT64_MIN) return integer(-*value, a.type);
  const ScalarType type = op == "!" ? ScalarType::i32 : a.type;
  return {Kind::unary, type, std::move(op), {std::move(a)}};
}

Term binary(std::string op, Term a, Term b) {
  const bool shifts = op == "<<" || op == ">>";
  const ScalarType type = compares(op) ? ScalarType::i32 : shifts ? a.type : common(a.type, b.type);
  if (!is_real(type)) {
    const auto va = value_of(a), vb = value_of(b);
    if (va && vb) {
      // What does not fit the type stays as it is written.
      const auto value = compute(op, *va, *vb);
      if (value && (type == ScalarType::i64 || *value == static_cast<std::int32_t>(*value))) return integer(*value, type);
    }
    const bool keeps_a = a.type == type, keeps_b = b.type == type;
    if (vb == 0 && (op == "+" || op == "-") && keeps_a) return a;
    if (va == 0 && op == "+" && keeps_b) return b;
    if (vb == 1 && (op == "*" || op == "/") && keeps_a) return a;
    if (va == 1 && op == "*" && keeps_b) return b;
    // (x + 1) + 2 and (x + 1) - 2: subscripts stay short.
    if (vb && (op == "+" || op == "-") && a.kind == Kind::binary && a.type == type && (a.text == "+" || a.text == "-"))
      if (const auto inner = value_of(a.terms[1])) {
        const auto sum = compute("+", a.text == "-" ? -*inner : *inner, op == "-" ? -*vb : *vb);
        if (sum && *sum > INT32_MIN && *sum <= INT32_MAX)
          return binary(*sum < 0 ? "-" : "+", a.terms[0], integer(*sum < 0 ? -*sum : *sum, a.terms[1].type));
      }
  }
  return {Kind::binary, type, std::move(op), {std::move(a), std::move(b)}};
}

Term convert(ScalarType to, Term a) {
  if (a.type == to) return a;
  if (a.kind == Kind::integer && to == ScalarType::i64) return {Kind::integer, to, a.text, {}};
  return {Kind::convert, to, {}, {std::move(a)}};
}

Term in_64_bits(const Term& term) {
  return replace(term, [](const Term& part) -> std::optional<Term> {
    Term wide = part;
    if (part.kind == Kind::binary)
      wide = binary(part.text, part.terms[0], part.terms[1]);
    else if (part.kind == Kind::unary)
      wide = unary(part.text, part.terms[0]);
    else if (part.kind == Kind::choose)
      wide.type = common(part.terms[1].type, part.terms[2].type);
    const bool leaf = part.terms.empty() || part.kind == Kind::element || part.kind == Kind::call || part.kind == Kind::convert;
    return leaf ? convert(ScalarType::i64, std::move(wide)) : std::move(wide);
  });
}

std::string c_text(const Term& term, const Substitute& substitute) {
  if (substitute)
    if (auto text = substitute(term)) return *std::move(text);
  const auto below = [&](const Term& part, int least) {
    std::string text = c_text(part, substitute);
    return strength(part) < least ? "(" + text + ")" : text;
  };
  switch (term.kind) {
    case Kind::integer:
    case Kind::real:
      return literal(term);
    case Kind::scalar:
      return term.text;
    case Kind::element: {
      std::string text = term.text;
      for (const Term& subscript : term.terms) text += "[" + c_text(subscript, substitute) + "]";
      return text;
    }
    case Kind::unary: {
      const std::string text = below(term.terms[0], kUnary);
      return term.text + (text.starts_with(term.text) ? "(" + text + ")" : text);  // never -- of - and -
    }
    case Kind::binary: {
      const int own = strength(term.text);
      // Mixed bit operations, shifts and && in || are right without parentheses, but compilers warn.
      const auto side = [&](const Term& part, int least) {
        const bool warns = part.kind == Kind::binary && part.text != term.text && own < strength("+") && own != strength("<") &&
                           own != strength("==") && !(own <= 2 && compares(part.text) && strength(part) > 2);
        return below(part, warns ? kPostfix : least);
      };
      return fmt::format("{} {} {}", side(term.terms[0], own), term.text, side(term.terms[1], own + 1));
    }
    case Kind::choose:
      return fmt::format("{} ? {} : {}", below(term.terms[0], 1), below(term.terms[1], 0), below(term.terms[2], 0));
    case Kind::call: {
      std::string text = term.text + "(";
      for (std::size_t i = 0; i < term.terms.size(); ++i) text += (i ? ", " : "") + c_text(term.terms[i], substitute);
      return text + ")";
    }
    case Kind::convert:
      return fmt::format("({}){}", c_name(term.type), below(term.terms[0], kUnary));
  }
  return {};
}

Term replace(const Term& term, const std::function<std::optional<Term>(const Term&)>& with) {
  Term copy = term;
  for (Term& part : copy.terms) part = replace(part, with);
  if (auto other = with(copy)) return *std::move(other);
  return copy;
}

void for_each(const Term& term, const std::function<void(const Term&)>& visit) {
  visit(term);
  for (const Term& part : term.terms) for_each(part, visit);
}

bool mentions(const Term& term, const std::string& name) {
  if ((term.kind == Kind::scalar || term.kind == Kind::element) && term.text == name) return true;
  for (const Term& part : term.terms)
    if (mentions(part, name)) return true;
  return false;
}

std::optional<std::int64_t> evaluate(const Term& term, const Values& values) {
  const auto part = [&](int i) { return evaluate(term.terms[i], values); };
  switch (term.kind) {
    case Kind::integer:
      return value_of(term);
    case Kind::scalar: {
      const auto found = values.find(term.text);
      return found == values.end() ? std::nullopt : std::optional(found->second);
    }
    case Kind::unary: {
      const auto a = part(0);
      if (!a) return std::nullopt;
      if (term.text == "-") return compute("-", 0, *a);
      return term.text == "!" ? std::int64_t{*a == 0} : ~*a;
    }
    case Kind::binary: {
      const auto a = part(0);
      if (!a) return std::nullopt;
      if (term.text == "&&" && !*a) return 0;
      if (term.text == "||" && *a) return 1;
      const auto b = part(1);
      return b ? compute(term.text, *a, *b) : std::nullopt;
    }
    case Kind::choose: {
      const auto condition = part(0);
      return condition ? part(*condition ? 1 : 2) : std::nullopt;
    }
    case Kind::convert:
      if (is_real(term.type) || is_real(term.terms[0].type)) return std::nullopt;
      if (const auto a = part(0)) return term.type == ScalarType::i32 ? static_cast<std::int32_t>(*a) : *a;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace ak::loop
