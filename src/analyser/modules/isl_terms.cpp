#include "analyser/modules/isl_terms.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace ak::analyser::flow {

using loop::Term;

namespace {

std::optional<Term> affine_term(const loop::Function& function, const isl::aff& aff, const isl::set& calls);

/// The quotient rounded down.
std::optional<Term> quotient_term(const loop::Function& function, const isl::aff& quotient, const isl::set& calls) {
  const isl::val divisor = isl::manage(isl_aff_get_denominator_val(quotient.get()));
  const isl::aff dividend = isl::manage(isl_aff_scale_val(quotient.copy(), divisor.copy()));
  const isl::pw_aff value = isl::manage(isl_pw_aff_from_aff(dividend.copy()));
  const isl::pw_aff zero = constant(isl::manage(isl_pw_aff_get_domain_space(value.get())), 0);
  if (calls.is_null() || !calls.is_disjoint(value.lt_set(zero))) return std::nullopt;
  const auto above = affine_term(function, dividend, calls);
  const auto below = number(divisor);
  return above && below ? std::optional(loop::binary("/", *above, loop::integer(*below, above->type))) : std::nullopt;
}

/// An affine expression over integer parameters as a term.
std::optional<Term> affine_term(const loop::Function& function, const isl::aff& aff, const isl::set& calls) {
  const auto base = number(isl::manage(isl_aff_get_constant_val(aff.get())));
  if (!base) return std::nullopt;
  std::optional<Term> sum;
  for (const isl_dim_type kind : {isl_dim_param, isl_dim_div})
    for (int i = 0; i < static_cast<int>(isl_aff_dim(aff.get(), kind)); ++i) {
      const auto factor = number(isl::manage(isl_aff_get_coefficient_val(aff.get(), kind, i)));
      if (!factor) return std::nullopt;
      if (*factor == 0) continue;
      const auto value = kind == isl_dim_param
                             ? parameter_term(function, isl_aff_get_dim_name(aff.get(), kind, static_cast<unsigned>(i)))
                             : quotient_term(function, isl::manage(isl_aff_get_div(aff.get(), i)), calls);
      if (!value) return std::nullopt;
      const Term part = loop::binary("*", loop::integer(*factor, value->type), *value);
      sum = sum ? loop::binary("+", *sum, part) : part;
    }
  if (!sum) return loop::integer(*base);
  return *base < 0 ? loop::binary("-", *sum, loop::integer(-*base)) : loop::binary("+", *sum, loop::integer(*base));
}

std::vector<isl::aff> pieces_of(const isl::pw_aff& value) {
  std::vector<isl::aff> affs;
  value.foreach_piece([&](const isl::set&, const isl::multi_aff& piece) {
    const isl::aff aff = isl::manage(isl_multi_aff_get_aff(piece.get(), 0));
    if (std::ranges::none_of(
            affs, [&](const isl::aff& one) { return isl_aff_plain_is_equal(one.get(), aff.get()) == isl_bool_true; }))
      affs.push_back(aff);
  });
  return affs;
}

// One end of a dimension; nothing where it is not bounded there.
std::optional<isl::pw_aff> end_of(const isl::set& set, unsigned dimension, Steps steps,
                                  isl_bool (*bounds)(isl_set*, isl_dim_type, unsigned), isl_pw_aff* (*end)(isl_set*, int)) {
  isl_set* plain = steps == Steps::kept ? set.copy() : isl_set_remove_divs(set.copy());
  const bool bounded = bounds(plain, isl_dim_set, dimension) == isl_bool_true;
  isl_pw_aff* value = bounded ? end(plain, static_cast<int>(dimension)) : nullptr;
  if (!bounded) isl_set_free(plain);
  return value ? std::optional(isl::manage(value)) : std::nullopt;
}

}  // namespace

std::optional<isl::pw_aff> greatest(const isl::set& set, unsigned dimension, Steps steps) {
  return end_of(set, dimension, steps, isl_set_dim_has_upper_bound, isl_set_dim_max);
}

std::optional<isl::pw_aff> least(const isl::set& set, unsigned dimension) {
  return end_of(set, dimension, Steps::forgotten, isl_set_dim_has_lower_bound, isl_set_dim_min);
}

isl::pw_aff Extremum::value() const {
  isl_pw_aff* all = nullptr;
  for (const isl::aff& aff : of) {
    isl_pw_aff* one = isl_pw_aff_from_aff(aff.copy());
    all = !all ? one : greatest ? isl_pw_aff_max(all, one) : isl_pw_aff_min(all, one);
  }
  return isl::manage(all);
}

std::optional<Extremum> as_extremum(const isl::pw_aff& value) {
  constexpr std::size_t kMost = 4;
  for (const bool greatest : {true, false}) {
    Extremum all{pieces_of(value), greatest};
    const auto is_value = [&](const Extremum& one) { return one.value().ne_set(value).is_empty(); };
    if (all.of.empty() || all.of.size() > kMost || !is_value(all)) continue;
    for (std::size_t i = 0; i < all.of.size() && all.of.size() > 1;) {
      Extremum fewer = all;
      fewer.of.erase(fewer.of.begin() + static_cast<std::ptrdiff_t>(i));
      if (is_value(fewer))
        all = std::move(fewer);
      else
        ++i;
    }
    return all;
  }
  return std::nullopt;
}

std::optional<Term> as_term(const loop::Function& function, const Extremum& extremum, const isl::set& calls) {
  std::optional<Term> term;
  for (const isl::aff& aff : extremum.of) {
    const auto one = affine_term(function, aff, calls);
    if (!one) return std::nullopt;
    const Term before = term.value_or(*one);
    const Term asked = loop::binary(extremum.greatest ? "<" : ">", before, *one);
    term = term ? Term{Term::Kind::choose, loop::binary("+", before, *one).type, {}, {asked, *one, before}} : *one;
  }
  return term;
}

std::optional<Term> as_term(const loop::Function& function, const isl::pw_aff& value) {
  const auto extremum = as_extremum(value);
  return extremum ? as_term(function, *extremum) : std::nullopt;
}

std::optional<Term> parameter_term(const loop::Function& function, const std::string& name) {
  if (const loop::Parameter* parameter = loop::find_parameter(function, name))
    return loop::scalar(parameter->name, parameter->type);
  std::optional<Term> found;
  loop::for_each_node(function.body, [&](const loop::Node& node) {
    for (const Term* whole : {&node.begin, &node.end, &node.condition, &node.value, &node.target})
      loop::for_each(*whole, [&](const Term& part) {
        if (!found && part.kind == Term::Kind::binary && c_text(part) == name) found = part;
      });
  });
  bool parameters = true;
  if (found)
    loop::for_each(*found, [&](const Term& part) {
      parameters = parameters && (part.kind != Term::Kind::scalar || loop::find_parameter(function, part.text));
    });
  if (found)  // which a call may not be able to compute
    loop::for_each(*found, [&](const Term& part) {
      parameters = parameters && (part.kind != Term::Kind::binary || (part.text != "/" && part.text != "%") ||
                                  loop::evaluate(part.terms[1], {}).value_or(0) != 0);
    });
  return parameters ? found : std::nullopt;
}

}  // namespace ak::analyser::flow
