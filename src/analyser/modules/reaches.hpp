// How far subscripts reach that isl does not have: products of parameters and loops' variables, and what counts.
#pragma once

#include <optional>
#include <string>

#include "analyser/model.hpp"
#include "analyser/polynomial.hpp"

namespace ak::analyser::flow {

/// The term as a sum of products of integer parameters, and of `variables` by what they mean.
std::optional<Polynomial> sum_of(const loop::Term& term, const loop::Function& function, const Scope& scope,
                                 const Meanings& variables);
loop::Term as_term(const loop::Function& function, const Polynomial& of);

/// Calls in which the statement runs in that part of its domain. A loop whose step is no number may run once, whatever it is.
isl::set calls_of(const Statement& statement, const isl::set& domain);

/// All calls but some of those that access what lies before an array.
isl::set valid_calls(const Model& model, const loop::Function& function);

/// How many elements of an array calls touch at most; certain: so many, whatever the data are. Of valid calls.
struct Length {
  loop::Term elements;
  bool certain = false;
};

/// Of an array with one dimension that the text leaves open: what follows the element that its accesses reach at most.
std::optional<Length> product_length(const Model& model, const loop::Function& function, const isl::set& valid,
                                     const std::string& array);

}  // namespace ak::analyser::flow
