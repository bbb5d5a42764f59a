// isl's expressions as terms over integer parameters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyser/isl.hpp"
#include "loop/function.hpp"

namespace ak::analyser::flow {

enum class Steps { kept, forgotten };

/// The greatest value that the set's dimension has, for each of the parameters' values. Where steps of loops are forgotten it
/// may be greater: of `i < n; i += 2` it is n - 1.
std::optional<isl::pw_aff> greatest(const isl::set& set, unsigned dimension, Steps steps = Steps::forgotten);
std::optional<isl::pw_aff> least(const isl::set& set, unsigned dimension);

/// The greatest, or the smallest, of a few affine expressions.
struct Extremum {
  std::vector<isl::aff> of;
  bool greatest = true;

  isl::pw_aff value() const;  // whatever the parameters are
};
/// That is the value wherever it has one; nothing where none is.
std::optional<Extremum> as_extremum(const isl::pw_aff& value);

/// Nothing where it has values that a call cannot compute of its parameters, or divides what may be negative in `calls`, of
/// which alone it then holds: C rounds towards 0. Without calls: nothing where it divides.
std::optional<loop::Term> as_term(const loop::Function& function, const Extremum& extremum, const isl::set& calls = {});
std::optional<loop::Term> as_term(const loop::Function& function, const isl::pw_aff& value);

/// What isl's parameter of that name stands for, over integer parameters: one of them, or an expression that stands for itself.
std::optional<loop::Term> parameter_term(const loop::Function& function, const std::string& name);

}  // namespace ak::analyser::flow
