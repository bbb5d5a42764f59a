// Calls in which something holds, as sets of parameters: what sums of products are there, and how a term says it.
#pragma once

#include <functional>

#include "analyser/isl.hpp"
#include "analyser/polynomial.hpp"
#include "loop/function.hpp"

namespace ak::analyser::flow {

/// A loop's count, which is never below 0, as the name of a polynomial.
inline std::string count_name(const std::string& variable) { return "#" + variable; }

/// Whether it is so in all of these calls; what they say nothing of may be any number.
bool never_negative(const Polynomial& of, const isl::set& calls);

/// Whether that is nothing in any of these calls.
using IsNothing = std::function<bool(const isl::set& calls)>;

/// What a term is in some calls and nothing in others; not exact: in some of the others too.
struct InCalls {
  loop::Term term;
  bool exact = true;
};

/// `value` in these calls, nothing in others: a condition where `is_nothing` does not say that it is so by itself. Calls that
/// parameters cannot tell are among these.
InCalls in_calls(const loop::Function& function, const isl::set& calls, const loop::Term& value, const IsNothing& is_nothing);

}  // namespace ak::analyser::flow
