// Scalars with a closed form over a loop's iterations.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// Locals that every iteration moves by a constant, by an unchanging value or by something linear in the loop's variable are
/// replaced by what they are in that iteration, and set once behind the loop where that is wanted. Each leaves a Note. Scalars
/// that move under a condition, that start anew or that only sum up stay.
void replace_inductions(Draft& draft);

}  // namespace ak::analyser
