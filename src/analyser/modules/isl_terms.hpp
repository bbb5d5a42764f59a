// isl's expressions as terms over integer parameters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyser/isl.hpp"
#include "loop/function.hpp"

namespace ak::analyser::flow {

/// The greatest value that the set's dimension has, for each of the parameters' values. Steps of loops are forgotten: of
/// `i < n; i += 2` it is n - 1.
std::optional<isl::pw_aff> greatest(const isl::set& set, unsigned dimension);
std::optional<isl::pw_aff> least(const isl::set& set, unsigned dimension);

/// The greatest, or the smallest, of a few affine expressions, without divisions.
struct Extremum {
  std::vector<isl::aff> of;
  bool greatest = true;

  isl::pw_aff value() const;  // whatever the parameters are
};
/// That is the value wherever it has one; nothing where none is.
std::optional<Extremum> as_extremum(const isl::pw_aff& value);

/// Nothing where it has values that a call cannot compute of its parameters.
std::optional<loop::Term> as_term(const loop::Function& function, const Extremum& extremum);
std::optional<loop::Term> as_term(const loop::Function& function, const isl::pw_aff& value);

/// What isl's parameter of that name stands for, over integer parameters: one of them, or an expression that stands for itself.
std::optional<loop::Term> parameter_term(const loop::Function& function, const std::string& name);

}  // namespace ak::analyser::flow
