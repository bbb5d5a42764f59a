// Lengths that the text leaves open: the largest subscript says what a pointer must have. C promises that there are elements
// which are touched, and no others. So a length is an upper bound of them, for what kernels are proven with and what may
// overlap; and it is certain where the last of them is touched whatever the data are. By no other may an array be copied: it
// would be read and written behind its end.
#include <fmt/format.h>

#include <algorithm>

#include "analyser/modules/call_sets.hpp"
#include "analyser/modules/isl_terms.hpp"
#include "analyser/modules/modules.hpp"
#include "analyser/modules/reaches.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

isl::set united(const isl::set& all, const isl::set& more) { return all.is_null() ? more : all.unite(more); }

/// The first subscripts that an access has over all instances.
isl::set first_subscripts(const Reference& reference) {
  isl_set* all = isl_set_reset_tuple_id(isl_map_range(reference.map.copy()));
  const auto dimensions = static_cast<unsigned>(isl_set_dim(all, isl_dim_set));
  return isl::manage(isl_set_project_out(all, isl_dim_set, 1, dimensions - 1));
}

/// From subscripts that isl has exactly.
std::optional<Length> affine_length(const Model& model, const loop::Function& function, const isl::set& valid,
                                    const std::string& array, Steps steps) {
  std::optional<isl::pw_aff> all;
  isl::set calls, surely;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element || reference.term.text != array) continue;
      if (!reference.exact) return std::nullopt;
      const isl::set touched = first_subscripts(reference);
      const auto one = greatest(touched, 0, steps);
      if (!one) return std::nullopt;
      calls = united(calls, calls_of(statement, reference.domain));
      if (reference.certain) surely = united(surely, touched);
      all = all ? isl::manage(isl_pw_aff_union_max(all->copy(), one->copy())) : *one;
    }
  if (!all) return Length{loop::integer(0), true};
  const isl::set last = isl::manage(isl_set_from_pw_aff(all->copy())).intersect_params(valid);
  const auto most = as_extremum(all->add_constant(1L));
  const auto length = most ? as_term(function, *most, calls) : std::nullopt;
  if (!length) return std::nullopt;
  bool divides = false;
  loop::for_each(*length,
                 [&](const Term& part) { divides = divides || (part.kind == Term::Kind::binary && part.text == "/"); });
  const isl::set below = most->value().le_set(constant(isl::manage(isl_pw_aff_get_domain_space(most->value().get())), 0));
  const InCalls made = in_calls(function, calls, *length, [&](const isl::set& where) {
    return where.is_empty() || (!divides && where.intersect(valid).is_subset(below));
  });
  if (divides && !made.exact) return std::nullopt;
  return Length{made.term, made.exact && !surely.is_null() && last.is_subset(surely)};
}

/// Of a flat array of rows whose accesses are all known: what follows the last one in the last row.
std::optional<Length> rows_length(const Model& model, const loop::Function& function, const isl::set& valid,
                                  const std::string& array) {
  const auto widths = model.widths.find(array);
  if (widths == model.widths.end()) return std::nullopt;
  isl::set all, calls, surely;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.name != array) continue;
      if (!reference.in_rows) return std::nullopt;
      calls = united(calls, calls_of(statement, reference.domain));
      const isl::set touched = isl::manage(isl_map_range(reference.in_rows->copy()));
      if (reference.certain) surely = united(surely, touched);
      all = united(all, isl::manage(isl_set_remove_divs(touched.copy())));
    }
  const auto dimensions = static_cast<int>(widths->second.size()) + 1;
  for (int i = 0; i < dimensions; ++i)
    if (isl_set_dim_has_upper_bound(all.get(), isl_dim_set, static_cast<unsigned>(i)) != isl_bool_true) return std::nullopt;
  const isl::pw_multi_aff last = all.coalesce().lexmax_pw_multi_aff();
  std::optional<Term> length;
  for (int i = 0; i < dimensions; ++i) {
    const auto at = as_term(function, isl::manage(isl_pw_multi_aff_get_pw_aff(last.get(), i)));
    if (!at) return std::nullopt;
    length = i == 0 ? *at : loop::binary("+", loop::binary("*", *length, widths->second[dimensions - 1 - i]), *at);
  }
  length = loop::binary("+", loop::binary("+", *length, model.offsets.at(array)), loop::integer(1));
  const bool certain = !surely.is_null() && last.as_set().intersect_params(valid).is_subset(surely);
  const auto sum = sum_of(*length, function, model.statements.front().scope, {});
  const InCalls made = in_calls(function, calls, sum ? as_term(function, *sum) : *length, [&](const isl::set& where) {
    return where.is_empty() || (sum && never_negative(plus({}, *sum, -1), where.intersect(valid)));
  });
  return Length{made.term, made.exact && certain};
}

bool is_open(const loop::Parameter& parameter) {
  return parameter.pointer && !parameter.length_known && !parameter.extents.empty();
}

}  // namespace

void set_given_lengths(const Facts& facts, loop::Function& function) {
  for (loop::Parameter& parameter : function.parameters) {
    const auto given = facts.lengths.find(parameter.name);
    if (!is_open(parameter) || given == facts.lengths.end()) continue;
    parameter.extents[0] = given->second;
    parameter.length_known = true;
  }
}

std::string unknown_length(const loop::Function& function) {
  std::string names, options, example;
  for (const loop::Parameter& parameter : function.parameters) {
    if (!parameter.pointer && !parameter.implicit && !is_real(parameter.type))
      example += (example.empty() ? "" : "*") + parameter.name;
  }
  if (example.empty()) example = "1000";
  for (const loop::Parameter& parameter : function.parameters)
    if (is_open(parameter)) {
      names += (names.empty() ? "" : ", ") + parameter.name;
      options += fmt::format(" --length {}={}", parameter.name, example);
    }
  if (names.empty()) return {};
  return fmt::format("the length of {} cannot be known: write it into the parameter's text, or give it, for example{}", names,
                     options);
}

std::string set_lengths(const Model& model, loop::Function& function) {
  if (std::ranges::none_of(function.parameters, is_open)) return {};
  const isl::set valid = valid_calls(model, function);
  for (loop::Parameter& parameter : function.parameters) {
    if (!is_open(parameter)) continue;
    auto length = affine_length(model, function, valid, parameter.name, Steps::kept);
    if (!length) length = affine_length(model, function, valid, parameter.name, Steps::forgotten);
    if (!length) length = rows_length(model, function, valid, parameter.name);
    if (!length) length = product_length(model, function, valid, parameter.name);
    if (!length) continue;
    parameter.extents[0] = length->elements;
    parameter.length_known = true;
    parameter.length_certain = length->certain;
  }
  return unknown_length(function);
}

}  // namespace ak::analyser::flow
