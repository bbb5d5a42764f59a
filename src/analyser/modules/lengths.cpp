// Lengths that the text leaves open: the largest subscript says what a pointer must have.
#include <fmt/format.h>

#include <algorithm>

#include "analyser/modules/modules.hpp"

namespace ak::analyser::flow {

namespace {

using loop::Term;

/// An affine expression over integer parameters as a term; nothing where it has several pieces or divisions.
std::optional<Term> as_term(const loop::Function& function, const isl::pw_aff& value) {
  if (value.n_piece() != 1) return std::nullopt;
  isl_aff* raw = nullptr;
  value.foreach_piece([&](const isl::set&, const isl::multi_aff& piece) { raw = isl_multi_aff_get_aff(piece.get(), 0); });
  const isl::aff aff = isl::manage(raw);
  if (isl_aff_dim(aff.get(), isl_dim_div) > 0) return std::nullopt;
  const auto get = [](isl_val* val) {
    const isl::val owned = isl::manage(val);
    return number(owned);
  };
  const auto base = get(isl_aff_get_constant_val(aff.get()));
  if (!base) return std::nullopt;
  std::optional<Term> sum;
  const int parameters = static_cast<int>(isl_aff_dim(aff.get(), isl_dim_param));
  for (int i = 0; i < parameters; ++i) {
    const auto factor = get(isl_aff_get_coefficient_val(aff.get(), isl_dim_param, i));
    if (!factor) return std::nullopt;
    if (*factor == 0) continue;
    const loop::Parameter* parameter = loop::find_parameter(function, isl_aff_get_dim_name(aff.get(), isl_dim_param, i));
    if (!parameter) return std::nullopt;
    const Term name = loop::scalar(parameter->name, parameter->type);
    const Term part = loop::binary("*", loop::integer(*factor, parameter->type), name);
    sum = sum ? loop::binary("+", *sum, part) : part;
  }
  if (!sum) return loop::integer(*base);
  return *base < 0 ? loop::binary("-", *sum, loop::integer(-*base)) : loop::binary("+", *sum, loop::integer(*base));
}

/// The greatest value of the first subscript of an access over all instances, plus one.
std::optional<isl::pw_aff> reach(const Statement& statement, const Reference& reference) {
  if (!reference.exact) return std::nullopt;
  isl_set* elements = isl_map_range(reference.map.copy());
  elements = isl_set_project_out(elements, isl_dim_set, 1, isl_set_dim(elements, isl_dim_set) - 1);
  (void)statement;
  if (isl_set_dim_has_upper_bound(elements, isl_dim_set, 0) != isl_bool_true) {
    isl_set_free(elements);
    return std::nullopt;
  }
  return isl::manage(isl_set_dim_max(elements, 0)).add_constant(1L);
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
  std::string names, options;
  for (const loop::Parameter& parameter : function.parameters)
    if (is_open(parameter)) {
      names += (names.empty() ? "" : ", ") + parameter.name;
      options += fmt::format(" --length {}=...", parameter.name);
    }
  return names.empty() ? "" : fmt::format("the length of {} cannot be known: give{}", names, options);
}

std::string set_lengths(const Model& model, loop::Function& function) {
  for (loop::Parameter& parameter : function.parameters) {
    if (!is_open(parameter)) continue;
    std::vector<isl::pw_aff> reaches;
    bool known = true;
    for (const Statement& statement : model.statements)
      for (const Reference& reference : statement.references) {
        if (reference.term.kind != Term::Kind::element || reference.term.text != parameter.name) continue;
        if (const auto one = reach(statement, reference))
          reaches.push_back(*one);
        else
          known = false;
      }
    // The one beyond all others, if there is such.
    std::optional<Term> length;
    for (const isl::pw_aff& one : reaches) {
      const bool most =
          std::all_of(reaches.begin(), reaches.end(), [&](const isl::pw_aff& other) { return one.lt_set(other).is_empty(); });
      if (known && most) length = as_term(function, one);
      if (length) break;
    }
    if (reaches.empty() && known) length = loop::integer(0);
    if (!length) continue;
    parameter.extents[0] = *length;
    parameter.length_known = true;
  }
  return unknown_length(function);
}

}  // namespace ak::analyser::flow
