#include "analyser/affine.hpp"

namespace ak::analyser::flow {

namespace {

using loop::ScalarType;
using loop::Term;
using Kind = Term::Kind;

/// Of one value in all of the function's run.
bool is_invariant(const Term& term, const Scope& scope) {
  bool invariant = true;
  loop::for_each(term, [&](const Term& part) {
    if (part.kind == Kind::call || part.kind == Kind::element || (part.kind == Kind::convert && is_real(part.terms[0].type)))
      invariant = false;
    if (part.kind != Kind::scalar) return;
    const auto variable = scope.variables.find(part.text);
    if (scope.unknown.contains(part.text) || scope.written->contains(part.text) || is_real(part.type)) invariant = false;
    if (variable != scope.variables.end() && !is_constant(variable->second)) invariant = false;
  });
  return invariant;
}

std::optional<isl::pw_aff> as_parameter(const Term& term, const Scope& scope) {
  if (!is_invariant(term, scope)) return std::nullopt;
  return parameter(scope.space, c_text(term));
}

bool is_condition(const Term& term) {
  static const std::set<std::string> kWords = {"<", "<=", ">", ">=", "==", "!=", "&&", "||"};
  return term.kind == Kind::binary ? kWords.contains(term.text) : term.kind == Kind::unary && term.text == "!";
}

std::optional<isl::pw_aff> affine_binary(const Term& term, const Scope& scope) {
  const auto a = affine(term.terms[0], scope), b = affine(term.terms[1], scope);
  if (!a || !b) return std::nullopt;
  if (term.text == "+") return a->add(*b);
  if (term.text == "-") return a->sub(*b);
  if (term.text == "*" && (is_constant(*a) || is_constant(*b))) return a->mul(*b);
  if (!is_constant(*b)) return std::nullopt;
  const auto divisor = number(b->max_val());
  if (!divisor || *divisor <= 0) return std::nullopt;
  if (term.text == "/") return a->tdiv_q(*b);
  if (term.text == "%") return a->tdiv_r(*b);
  if (term.text == "<<" && *divisor < 31) return a->mul(constant(scope.space, std::int64_t{1} << *divisor));
  if (term.text == ">>" && *divisor < 31)
    return a->div(constant(scope.space, std::int64_t{1} << *divisor)).floor();
  return std::nullopt;
}

std::optional<isl::pw_aff> expression(const Term& term, const Scope& scope) {
  switch (term.kind) {
    case Kind::integer:
      return constant(scope.space, *loop::evaluate(term, {}));
    case Kind::scalar: {
      if (scope.unknown.contains(term.text)) return std::nullopt;
      if (const auto found = scope.variables.find(term.text); found != scope.variables.end()) {
        if (scope.given && scope.given->contains(term.text)) scope.used->insert(term.text);
        return found->second;
      }
      if (scope.written->contains(term.text) || is_real(term.type)) return std::nullopt;
      return parameter(scope.space, term.text);
    }
    case Kind::unary:
      if (term.text == "-")
        if (const auto a = affine(term.terms[0], scope)) return a->neg();
      return std::nullopt;
    case Kind::binary:
      return is_condition(term) ? std::nullopt : affine_binary(term, scope);
    case Kind::choose: {
      const auto condition = holds(term.terms[0], scope);
      const auto a = affine(term.terms[1], scope), b = affine(term.terms[2], scope);
      if (!condition || !a || !b) return std::nullopt;
      return a->intersect_domain(*condition).union_add(b->subtract_domain(*condition));
    }
    case Kind::convert:  // to a smaller type it may wrap round
      if (is_real(term.terms[0].type) || is_real(term.type) || term.type != ScalarType::i64) return std::nullopt;
      return affine(term.terms[0], scope);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<isl::pw_aff> affine(const Term& term, const Scope& scope) {
  if (is_real(term.type)) return std::nullopt;
  if (auto value = expression(term, scope)) return value;
  return as_parameter(term, scope);
}

std::optional<isl::set> holds(const Term& term, const Scope& scope) {
  if (term.kind == Kind::unary && term.text == "!") {
    const auto inner = holds(term.terms[0], scope);
    return inner ? std::optional(isl::set::universe(scope.space).subtract(*inner)) : std::nullopt;
  }
  if (term.kind == Kind::binary && (term.text == "&&" || term.text == "||")) {
    const auto a = holds(term.terms[0], scope), b = holds(term.terms[1], scope);
    if (!a || !b) return std::nullopt;
    return term.text == "&&" ? a->intersect(*b) : a->unite(*b);
  }
  if (is_condition(term)) {
    const auto a = affine(term.terms[0], scope), b = affine(term.terms[1], scope);
    if (!a || !b) return std::nullopt;
    if (term.text == "<") return a->lt_set(*b);
    if (term.text == "<=") return a->le_set(*b);
    if (term.text == ">") return a->gt_set(*b);
    if (term.text == ">=") return a->ge_set(*b);
    if (term.text == "==") return a->eq_set(*b);
    return a->ne_set(*b);
  }
  const auto value = affine(term, scope);
  return value ? std::optional(value->ne_set(constant(scope.space, 0))) : std::nullopt;
}

}  // namespace ak::analyser::flow
