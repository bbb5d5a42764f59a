#include "port/templates/affine_form.hpp"

#include <algorithm>
#include <charconv>

namespace ak::port {

using loop::Term;

namespace {

using Kind = Term::Kind;
using Part = std::optional<Term>;

bool may_forget(const Term& term) {
  bool found = false;
  loop::for_each(term, [&](const Term& part) { found = found || (is_real(part.type) && part == forgets(part.type)); });
  return found;
}

/// What is made of a factor forgets where that does.
template <class Change>
Term kept_forgetting(const Term& factor, const Change& change) {
  if (is_real(factor.type) && factor == forgets(factor.type)) return forgets(change(factor).type);
  if (factor.kind != Kind::choose || !may_forget(factor)) return change(factor);
  Term made{Kind::choose,
            factor.type,
            "",
            {factor.terms[0], kept_forgetting(factor.terms[1], change), kept_forgetting(factor.terms[2], change)}};
  made.type = made.terms[1].type;
  return made;
}

Part times(const Part& a, const Part& b) {
  if (!a || !b) return std::nullopt;
  if (is_one(a)) return b;
  return is_one(b) ? a : loop::binary("*", *a, *b);
}

Part plus(const Part& a, const Part& b) {
  if (!a || !b) return a ? a : b;
  return loop::binary("+", *a, *b);
}

template <class Change>
AffineForm changed(AffineForm form, const Change& change) {
  for (Part& factor : form.factors)
    if (factor) factor = kept_forgetting(*factor, change);
  if (form.rest) form.rest = change(*form.rest);
  return form;
}

class Splitting {
 public:
  Splitting(std::size_t unknowns, const Unknown& unknown) : unknowns_(unknowns), unknown_(unknown) {}

  std::optional<AffineForm> split(const Term& term) const {
    if (const auto index = unknown_(term)) {
      AffineForm form = nothing();
      form.factors[*index] = loop::integer(1, is_real(term.type) ? loop::ScalarType::i32 : term.type);
      return form;
    }
    if (!depends(term)) {
      AffineForm form = nothing();
      form.rest = term;
      return form;
    }
    switch (term.kind) {
      case Kind::unary:
        return term.text == "-" ? each(term.terms[0], [](const Term& part) { return loop::unary("-", part); }) : std::nullopt;
      case Kind::convert: {
        const Term& of = term.terms[0];
        if (is_real(term.type) != is_real(of.type)) return std::nullopt;
        if (!is_real(term.type) && size_of(term.type) < size_of(of.type)) return std::nullopt;  // cuts off in the midst
        return each(of, [&](const Term& part) {
          return part.type == term.type || is_one(part) ? part : loop::convert(term.type, part);
        });
      }
      case Kind::choose:
        return chosen(term);
      case Kind::binary:
        return sum_or_product(term);
      default:
        return std::nullopt;
    }
  }

 private:
  AffineForm nothing() const { return {std::vector<Part>(unknowns_), std::nullopt}; }

  bool depends(const Term& term) const {
    bool found = false;
    loop::for_each(term, [&](const Term& part) { found = found || unknown_(part).has_value(); });
    return found;
  }

  template <class Change>
  std::optional<AffineForm> each(const Term& term, Change change) const {
    auto form = split(term);
    if (form) form = changed(std::move(*form), change);
    return form;
  }

  std::optional<AffineForm> chosen(const Term& term) const {
    if (depends(term.terms[0])) return std::nullopt;
    const auto a = split(term.terms[1]), b = split(term.terms[2]);
    if (!a || !b) return std::nullopt;
    const auto either = [&](const Part& x, const Part& y, const Term& zero) -> Part {
      if (!x && !y) return std::nullopt;
      Term both{Kind::choose, term.type, "", {term.terms[0], x ? *x : zero, y ? *y : zero}};
      return both;
    };
    AffineForm form = nothing();
    for (std::size_t i = 0; i < unknowns_; ++i) form.factors[i] = either(a->factors[i], b->factors[i], forgets(term.type));
    form.rest = either(a->rest, b->rest, loop::integer(0));
    return form;
  }

  std::optional<AffineForm> sum_or_product(const Term& term) const {
    const Term &left = term.terms[0], &right = term.terms[1];
    if (is_real(term.type)) {
      // An integer unknown would have been rounded to a whole number at every step.
      for (const Term* side : {&left, &right})
        if (depends(*side) && !is_real(side->type)) return std::nullopt;
    }
    if (term.text == "+" || term.text == "-") {
      auto a = split(left), b = split(right);
      if (!a || !b) return std::nullopt;
      if (term.text == "-") b = changed(*std::move(b), [](const Term& part) { return loop::unary("-", part); });
      for (std::size_t i = 0; i < unknowns_; ++i) a->factors[i] = plus(a->factors[i], b->factors[i]);
      a->rest = plus(a->rest, b->rest);
      return a;
    }
    if (term.text == "*") {
      if (depends(left) && depends(right)) return std::nullopt;
      const Term& factor = depends(left) ? right : left;
      auto form = split(depends(left) ? left : right);
      if (form) form = changed(*std::move(form), [&](const Term& part) { return *times(part, factor); });
      return form;
    }
    if (term.text == "/" && is_real(term.type) && !depends(right))
      return each(left, [&](const Term& part) {
        const Term real = is_real(part.type) ? part : loop::convert(term.type, part);
        return loop::binary("/", real, right);
      });
    return std::nullopt;
  }

  const std::size_t unknowns_;
  const Unknown& unknown_;
};

}  // namespace

Term forgets(loop::ScalarType type) {
  return is_real(type) ? loop::unary("-", Term{Kind::real, type, "0.0", {}}) : loop::integer(0);
}

Term remembering(const Term& factor) {
  if (!is_real(factor.type) || factor.kind == Kind::real || factor.kind == Kind::integer || factor == forgets(factor.type))
    return factor;
  if (factor.kind == Kind::choose)
    return {Kind::choose, factor.type, "", {factor.terms[0], remembering(factor.terms[1]), remembering(factor.terms[2])}};
  return {Kind::call, factor.type, "ak::factor", {factor}};
}

bool is_one(const Part& term) {
  if (!term || (term->kind != Kind::integer && term->kind != Kind::real)) return false;
  double value = 0;
  const char* end = term->text.data() + term->text.size();
  return std::from_chars(term->text.data(), end, value).ptr == end && value == 1;
}

std::optional<AffineForm> affine_form(const Term& term, std::size_t unknowns, const Unknown& unknown) {
  return Splitting(unknowns, unknown).split(term);
}

}  // namespace ak::port
