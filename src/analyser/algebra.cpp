#include "analyser/algebra.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <utility>

namespace ak::analyser::flow {

namespace {

using loop::ScalarType;
using loop::Term;
using Kind = Term::Kind;
constexpr const char* kPrevious = "previous_";

Term zero(ScalarType type) { return is_real(type) ? Term{Kind::real, type, "0.0", {}} : loop::integer(0, type); }
Term one(ScalarType type) { return is_real(type) ? Term{Kind::real, type, "1.0", {}} : loop::integer(1, type); }

Term product(const Term& a, const Term& b) {
  if (is_number(a, 1) && a.type == b.type) return b;
  if (is_number(b, 1) && a.type == b.type) return a;
  return loop::binary("*", a, b);
}

/// What does not depend on previous values is asked first.
Term choose(const Term& condition, const Term& a, const Term& b) {
  if (a == b) return a;
  if (condition.kind == Kind::binary && condition.text == "&&") {
    const bool left = mentions_previous(condition.terms[0]), right = mentions_previous(condition.terms[1]);
    if (left != right) return choose(condition.terms[left ? 1 : 0], choose(condition.terms[left ? 0 : 1], a, b), b);
  }
  return Term{Kind::choose, a.type, {}, {condition, a, b}};
}

/// Applies `change` to all parts.
template <class Change>
AffineForm each(const AffineForm& form, Change change) {
  AffineForm result;
  for (const auto& [distance, multiplier] : form.multipliers) result.multipliers.emplace(distance, change(multiplier));
  if (form.constant) result.constant = change(*form.constant);
  return result;
}

AffineForm sum(const AffineForm& a, const AffineForm& b, const std::string& op) {
  AffineForm result = a;
  const auto add = [&](const Term* left, const Term& right) {
    if (left) return loop::binary(op, *left, right);
    return op == "-" ? loop::unary("-", right) : right;
  };
  for (const auto& [distance, multiplier] : b.multipliers) {
    const auto found = a.multipliers.find(distance);
    result.multipliers[distance] = add(found == a.multipliers.end() ? nullptr : &found->second, multiplier);
  }
  if (b.constant) result.constant = add(a.constant ? &*a.constant : nullptr, *b.constant);
  return result;
}

std::optional<AffineForm> affine_choice(const Term& term) {
  if (mentions_previous(term.terms[0])) return std::nullopt;
  const auto a = affine_form(term.terms[1]), b = affine_form(term.terms[2]);
  if (!a || !b) return std::nullopt;
  AffineForm result;
  const auto part = [&](const std::map<std::int64_t, Term>& of, std::int64_t distance) {
    const auto found = of.find(distance);
    return found == of.end() ? zero(term.type) : found->second;
  };
  for (const auto* side : {&*a, &*b})
    for (const auto& entry : side->multipliers)
      result.multipliers.insert_or_assign(
          entry.first, choose(term.terms[0], part(a->multipliers, entry.first), part(b->multipliers, entry.first)));
  if (a->constant || b->constant)
    result.constant = choose(term.terms[0], a->constant.value_or(zero(term.type)), b->constant.value_or(zero(term.type)));
  return result;
}

bool is_previous(const Term& term) { return previous_age(term) == 1; }

/// `a < b ? a : b` and its kin, and what the C library calls it.
std::optional<Association> extremum(const Term& term) {
  if (term.kind == Kind::call && term.terms.size() == 2) {
    const bool least = term.text == "fminf" || term.text == "fmin", most = term.text == "fmaxf" || term.text == "fmax";
    if (!least && !most) return std::nullopt;
    for (const int side : {0, 1})
      if (is_previous(term.terms[side]) && !mentions_previous(term.terms[1 - side]))
        return Association{least ? "min" : "max", term.terms[1 - side], {}, side == 1};  // of equals the first argument
    return std::nullopt;
  }
  if (term.kind != Kind::choose) return std::nullopt;
  const Term &condition = term.terms[0], &yes = term.terms[1], &no = term.terms[2];
  if (condition.kind != Kind::binary) return std::nullopt;
  const std::string op = condition.text;
  if (op != "<" && op != "<=" && op != ">" && op != ">=") return std::nullopt;
  const Term &left = condition.terms[0], &right = condition.terms[1];
  const bool taken = is_previous(no);  // the new value is where the condition holds
  const Term& value = taken ? yes : no;
  if (!is_previous(taken ? no : yes) || mentions_previous(value)) return std::nullopt;
  const bool value_left = left == value && is_previous(right), value_right = right == value && is_previous(left);
  if (!value_left && !value_right) return std::nullopt;
  // Read as `value OP previous`: taken where that holds.
  bool less = op[0] == '<', equal = op.size() == 2;
  if (value_right) less = !less;
  if (!taken) less = !less, equal = !equal;
  return Association{less ? "min" : "max", value, {}, equal};
}

}  // namespace

Term previous(std::int64_t iterations, ScalarType type) {
  return loop::scalar(fmt::format("{}{}", kPrevious, iterations), type);
}

std::optional<std::int64_t> previous_age(const Term& term) {
  if (term.kind != Kind::scalar || !term.text.starts_with(kPrevious)) return std::nullopt;
  std::int64_t age = 0;
  std::from_chars(term.text.data() + std::string_view(kPrevious).size(), term.text.data() + term.text.size(), age);
  return age;
}

bool mentions_previous(const Term& term) {
  bool found = false;
  loop::for_each(term, [&](const Term& part) {
    if (part.kind == Kind::scalar && part.text.starts_with(kPrevious)) found = true;
  });
  return found;
}

bool is_number(const Term& term, double value) {
  if (term.kind == Kind::convert) return is_number(term.terms[0], value);
  if (term.kind == Kind::real || term.kind == Kind::integer) {
    double number = 0;
    std::from_chars(term.text.data(), term.text.data() + term.text.size(), number);
    return number == value;
  }
  return false;
}

Term negated(const Term& condition) {
  if (condition.kind == Kind::unary && condition.text == "!") return condition.terms[0];
  return loop::unary("!", condition);
}

Symbolic::Symbolic(std::function<bool(int)> takes_part, Rewrite read)
    : takes_part_(std::move(takes_part)), read_(std::move(read)) {}

Term Symbolic::now(const Term& term) const {
  if (term.kind == Kind::scalar || term.kind == Kind::element) {
    if (const auto found = state_.find(c_text(term)); found != state_.end()) return found->second.value;
    if (const auto other = read_(term)) return *other;
  }
  Term copy = term;
  for (Term& part : copy.terms) part = now(part);
  return copy;
}

Term Symbolic::held(const State& state, const Term& target) const {
  if (const auto found = state.find(c_text(target)); found != state.end()) return found->second.value;
  return read_(target).value_or(target);
}

void Symbolic::run(const std::vector<loop::Node>& body) {
  for (const loop::Node& node : body) {
    if (node.kind == loop::Node::Kind::assign) {
      if (takes_part_(node.id)) state_.insert_or_assign(c_text(node.target), Held{node.target, now(node.value)});
      continue;
    }
    bool concerns = takes_part_(node.id);
    for (const auto* side : {&node.body, &node.otherwise})
      loop::for_each_node(*side, [&](const loop::Node& inner) { concerns |= takes_part_(inner.id); });
    if (!concerns) continue;
    if (node.kind != loop::Node::Kind::branch) {
      understood_ = false;
      continue;
    }
    const Term condition = now(node.condition);
    const State before = state_;
    run(node.body);
    const State yes = std::exchange(state_, before);
    run(node.otherwise);
    const State no = std::exchange(state_, before);
    for (const State* side : {&yes, &no})
      for (const auto& [text, one] : *side)
        state_.insert_or_assign(text, Held{one.target, choose(condition, held(yes, one.target), held(no, one.target))});
  }
}

std::optional<Term> Symbolic::value(const Term& target) const {
  const auto found = state_.find(c_text(target));
  return found == state_.end() ? std::nullopt : std::optional(found->second.value);
}

std::optional<AffineForm> affine_form(const Term& term) {
  if (!mentions_previous(term)) return AffineForm{{}, term};
  switch (term.kind) {
    case Kind::scalar:
      return AffineForm{{{*previous_age(term), one(term.type)}}, {}};
    case Kind::unary:
      if (term.text != "-") return std::nullopt;
      if (const auto form = affine_form(term.terms[0])) return each(*form, [](const Term& a) { return loop::unary("-", a); });
      return std::nullopt;
    case Kind::convert:
      if (!is_real(term.type) || !is_real(term.terms[0].type)) return std::nullopt;
      if (const auto form = affine_form(term.terms[0]))
        return each(*form, [&](const Term& a) {
          return a.kind == Kind::real ? Term{Kind::real, term.type, a.text, {}} : loop::convert(term.type, a);
        });
      return std::nullopt;
    case Kind::choose:
      return affine_choice(term);
    case Kind::binary: {
      if (term.text == "+" || term.text == "-") {
        const auto a = affine_form(term.terms[0]), b = affine_form(term.terms[1]);
        return a && b ? std::optional(sum(*a, *b, term.text)) : std::nullopt;
      }
      const bool left = mentions_previous(term.terms[0]), right = mentions_previous(term.terms[1]);
      if (left && right) return std::nullopt;
      if (term.text != "*" && !(term.text == "/" && left && is_real(term.type))) return std::nullopt;
      const auto form = affine_form(term.terms[left ? 0 : 1]);
      if (!form) return std::nullopt;
      const Term& factor = term.terms[left ? 1 : 0];
      return each(*form, [&](const Term& a) { return term.text == "*" ? product(a, factor) : loop::binary("/", a, factor); });
    }
    default:
      return std::nullopt;
  }
}

std::optional<Association> association(const Term& term) {
  if (auto found = extremum(term)) return found;
  if (term.kind == Kind::choose && !mentions_previous(term.terms[0])) {
    const bool second = is_previous(term.terms[2]);
    auto inner = second || is_previous(term.terms[1]) ? association(term.terms[second ? 1 : 2]) : std::nullopt;
    if (inner) {
      const Term condition = second ? term.terms[0] : negated(term.terms[0]);
      inner->condition = inner->condition ? loop::binary("&&", condition, *inner->condition) : condition;
      return inner;
    }
  }
  if (term.kind == Kind::binary && (term.text == "&" || term.text == "|" || term.text == "^"))
    for (const int side : {0, 1}) {
      if (mentions_previous(term.terms[1 - side])) continue;
      if (is_previous(term.terms[side])) return Association{term.text, term.terms[1 - side], {}, false};
      if (const auto inner = association(term.terms[side]); inner && inner->op == term.text && !inner->condition)
        return Association{term.text, loop::binary(term.text, inner->value, term.terms[1 - side]), {}, false};
    }
  const auto form = affine_form(term);
  if (!form || form->multipliers.size() != 1 || !form->multipliers.contains(1)) return std::nullopt;
  const Term& multiplier = form->multipliers.at(1);
  if (is_number(multiplier, 1) && form->constant) return Association{"+", *form->constant, {}, false};
  if (!form->constant) return Association{"*", multiplier, {}, false};
  return std::nullopt;
}

}  // namespace ak::analyser::flow
