// A value as a sum of multiples of what is carried from earlier iterations.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "loop/term.hpp"

namespace ak::port {

/// factors[0] * unknown 0 + factors[1] * unknown 1 + ... + rest; what is missing is 0, what is chosen to be missing forgets().
struct AffineForm {
  std::vector<std::optional<loop::Term>> factors;
  std::optional<loop::Term> rest;
};

/// Which unknown a term is; nothing for all others.
using Unknown = std::function<std::optional<std::size_t>(const loop::Term&)>;

/// Nothing where the term is no such sum, computed in one kind of numbers (all integers, or all real).
std::optional<AffineForm> affine_form(const loop::Term& term, std::size_t unknowns, const Unknown& unknown);

/// The factor that stands where an unknown does not matter: of reals a 0 that drops it even if it is no number.
loop::Term forgets(loop::ScalarType type);
/// A factor that forgets only where it says so.
loop::Term remembering(const loop::Term& factor);

bool is_one(const std::optional<loop::Term>& term);

}  // namespace ak::port
