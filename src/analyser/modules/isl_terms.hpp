// isl's expressions as terms over integer parameters.
#pragma once

#include <optional>

#include "analyser/isl.hpp"
#include "loop/function.hpp"

namespace ak::analyser::flow {

/// The greatest value that the set's dimension has, for each of the parameters' values. Steps of loops are forgotten: of
/// `i < n; i += 2` it is n - 1.
std::optional<isl::pw_aff> greatest(const isl::set& set, unsigned dimension);

/// The value as the greatest, or the smallest, of a few affine expressions.
std::optional<loop::Term> as_term(const loop::Function& function, const isl::pw_aff& value);

}  // namespace ak::analyser::flow
