// Lengths that the text leaves open: the largest subscript says what a pointer must have.
#include <fmt/format.h>

#include <algorithm>

#include "analyser/modules/call_sets.hpp"
#include "analyser/modules/isl_terms.hpp"
#include "analyser/modules/modules.hpp"
#include "analyser/modules/reaches.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

/// The greatest value of the first subscript of an access over all instances, plus one.
std::optional<isl::pw_aff> reach(const Reference& reference) {
  if (!reference.exact) return std::nullopt;
  const auto most = greatest(isl::manage(isl_map_range(reference.map.copy())), 0);
  return most ? std::optional(most->add_constant(1L)) : std::nullopt;
}

/// From subscripts that isl has exactly.
std::optional<Term> affine_length(const Model& model, const loop::Function& function, const isl::set& valid,
                                  const std::string& array) {
  std::optional<isl::pw_aff> all;
  isl::set calls;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.term.kind != Term::Kind::element || reference.term.text != array) continue;
      const auto one = reach(reference);
      if (!one) return std::nullopt;
      const isl::set own = calls_of(statement, reference.domain);
      calls = all ? calls.unite(own) : own;
      all = all ? isl::manage(isl_pw_aff_union_max(all->copy(), one->copy())) : *one;
    }
  if (!all) return loop::integer(0);
  const auto most = as_extremum(*all);
  const auto length = most ? as_term(function, *most) : std::nullopt;
  if (!length) return std::nullopt;
  const isl::set below = most->value().le_set(constant(isl::manage(isl_pw_aff_get_domain_space(most->value().get())), 0));
  return in_calls(function, calls, *length, [&](const isl::set& where) { return where.intersect(valid).is_subset(below); });
}

/// Of a flat array of rows whose accesses are all known: what follows the last one in the last row.
std::optional<Term> rows_length(const Model& model, const loop::Function& function, const isl::set& valid,
                                const std::string& array) {
  const auto widths = model.widths.find(array);
  if (widths == model.widths.end()) return std::nullopt;
  isl::set all, calls;
  for (const Statement& statement : model.statements)
    for (const Reference& reference : statement.references) {
      if (reference.name != array) continue;
      if (!reference.in_rows) return std::nullopt;
      const isl::set own = calls_of(statement, reference.domain);
      calls = all.is_null() ? own : calls.unite(own);
      const isl::set one = isl::manage(isl_set_remove_divs(isl_map_range(reference.in_rows->copy())));
      all = all.is_null() ? one : all.unite(one);
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
  const auto sum = sum_of(*length, function, model.statements.front().scope, {});
  return in_calls(function, calls, sum ? as_term(function, *sum) : *length, [&](const isl::set& where) {
    return where.is_empty() || (sum && never_negative(plus({}, *sum, -1), where.intersect(valid)));
  });
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
    auto length = affine_length(model, function, valid, parameter.name);
    if (!length) length = rows_length(model, function, valid, parameter.name);
    if (!length) length = product_length(model, function, valid, parameter.name);
    if (!length) continue;
    parameter.extents[0] = *length;
    parameter.length_known = true;
  }
  return unknown_length(function);
}

}  // namespace ak::analyser::flow
