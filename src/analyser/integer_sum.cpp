#include "analyser/integer_sum.hpp"

#include "analyser/c_tree.hpp"

namespace ak::analyser {

using loop::ScalarType;
using loop::Term;

namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 30;  // of factors: products of two of them fit

std::optional<Linear> scaled(Linear sum, std::int64_t by) {
  if (by > kMost || by < -kMost) return std::nullopt;
  if (by == 0) return Linear{{}, 0, sum.type};
  for (auto& [name, factor] : sum.factors) {
    if (factor > kMost || factor < -kMost) return std::nullopt;
    factor *= by;
  }
  if (sum.constant > kMost || sum.constant < -kMost) return std::nullopt;
  sum.constant *= by;
  return sum;
}

std::size_t size(const Term& term) {
  std::size_t parts = 0;
  loop::for_each(term, [&](const Term&) { ++parts; });
  return parts;
}

}  // namespace

std::int64_t Linear::factor(const std::string& name) const {
  const auto found = factors.find(name);
  return found == factors.end() ? 0 : found->second;
}

std::optional<Linear> linear(const Term& term) {
  if (is_real(term.type)) return std::nullopt;
  if (term.kind == Term::Kind::integer) {
    const auto value = constant(term);
    return value ? std::optional(Linear{{}, *value, term.type}) : std::nullopt;
  }
  if (term.kind == Term::Kind::scalar) return Linear{{{term.text, 1}}, 0, term.type};
  if (term.kind == Term::Kind::unary && term.text == "-") {
    auto inner = linear(term.terms[0]);
    return inner ? scaled(std::move(*inner), -1) : std::nullopt;
  }
  if (term.kind != Term::Kind::binary) return std::nullopt;
  const bool adds = term.text == "+" || term.text == "-";
  if (!adds && term.text != "*") return std::nullopt;
  auto left = linear(term.terms[0]), right = linear(term.terms[1]);
  if (!left || !right) return std::nullopt;
  // A constant has no size of its own; names must all have the term's.
  for (const auto* side : {&*left, &*right})
    if (!side->factors.empty() && side->type != term.type) return std::nullopt;
  if (!adds) {
    if (!left->factors.empty() && !right->factors.empty()) return std::nullopt;
    const bool number_left = left->factors.empty();
    auto product = scaled(number_left ? *right : *left, number_left ? left->constant : right->constant);
    if (product) product->type = term.type;
    return product;
  }
  if (term.text == "-") {
    right = scaled(std::move(*right), -1);
    if (!right) return std::nullopt;
  }
  for (const auto& [name, factor] : right->factors)
    if ((left->factors[name] += factor) == 0) left->factors.erase(name);
  left->constant += right->constant;
  left->type = term.type;
  return left;
}

Term Linear::term() const {
  std::optional<Term> sum;
  const auto add = [&](Term part, bool minus) {
    if (!sum)
      sum = minus ? loop::unary("-", std::move(part)) : std::move(part);
    else
      sum = loop::binary(minus ? "-" : "+", std::move(*sum), std::move(part));
  };
  // What is added first: n - i, not -i + n.
  for (const bool negative : {false, true}) {
    for (const auto& [name, factor] : factors) {
      if ((factor < 0) != negative) continue;
      const std::int64_t size = negative ? -factor : factor;
      add(size == 1 ? loop::scalar(name, type) : loop::binary("*", loop::integer(size), loop::scalar(name, type)), negative);
    }
    if ((constant < 0) == negative && constant != 0 && (negative || !factors.empty())) {
      add(loop::integer(negative ? -constant : constant, type), negative);
    }
  }
  if (!sum) return loop::integer(constant, type);
  return *sum;
}

Term collected(const Term& term) {
  return loop::replace(term, [](const Term& part) -> std::optional<Term> {
    if (part.kind != Term::Kind::binary || is_real(part.type)) return std::nullopt;
    const auto sum = linear(part);
    if (!sum) return std::nullopt;
    Term shorter = sum->term();
    return shorter.type == part.type && size(shorter) < size(part) ? std::optional(std::move(shorter)) : std::nullopt;
  });
}

std::optional<Term> counted_step(const Term& iterations) {
  if (iterations.kind != Term::Kind::choose || constant(iterations.terms[2]) != 0) return std::nullopt;
  const Term &runs = iterations.terms[0], &count = iterations.terms[1];
  if (runs.kind != Term::Kind::binary || runs.text != "<" || count.kind != Term::Kind::binary || count.text != "+" ||
      constant(count.terms[1]) != 1 || count.terms[0].kind != Term::Kind::binary || count.terms[0].text != "/")
    return std::nullopt;
  const Term &steps = count.terms[0].terms[0], &step = count.terms[0].terms[1];
  if (constant(step)) return std::nullopt;
  const Term span = loop::binary("-", runs.terms[1], runs.terms[0]);
  const auto rest = linear(loop::binary("-", steps, loop::binary("-", span, loop::integer(1))));
  return rest && rest->factors.empty() && rest->constant == 0 ? std::optional(step) : std::nullopt;
}

std::optional<std::pair<Term, Term>> linear_in(const Term& term, const std::string& name) {
  if (!loop::mentions(term, name)) return std::pair(loop::integer(0, term.type), term);
  if (term.kind == Term::Kind::scalar) return std::pair(loop::integer(1, term.type), loop::integer(0, term.type));
  if (term.kind == Term::Kind::unary && term.text == "-") {
    const auto inner = linear_in(term.terms[0], name);
    if (!inner) return std::nullopt;
    return std::pair(loop::unary("-", inner->first), loop::unary("-", inner->second));
  }
  if (term.kind == Term::Kind::convert && term.type == ScalarType::i64 && !is_real(term.terms[0].type)) {
    const auto inner = linear_in(term.terms[0], name);
    if (!inner) return std::nullopt;
    return std::pair(cast(term.type, inner->first), cast(term.type, inner->second));
  }
  if (term.kind != Term::Kind::binary) return std::nullopt;
  const auto left = linear_in(term.terms[0], name), right = linear_in(term.terms[1], name);
  if (!left || !right) return std::nullopt;
  if (term.text == "+" || term.text == "-")
    return std::pair(loop::binary(term.text, left->first, right->first), loop::binary(term.text, left->second, right->second));
  if (term.text != "*") return std::nullopt;
  const bool in_left = loop::mentions(term.terms[0], name);
  if (in_left && loop::mentions(term.terms[1], name)) return std::nullopt;
  const auto& moving = in_left ? left : right;
  const Term& by = term.terms[in_left ? 1 : 0];
  return std::pair(loop::binary("*", moving->first, by), loop::binary("*", moving->second, by));
}

}  // namespace ak::analyser
