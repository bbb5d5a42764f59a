// Counters that grow by a truth value, the branch-free way to pack: y[k] = a[i]; k += a[i] > 0.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// A scalar that stands in a subscript and moves by a truth value, or by a constant times one, counts under a condition
/// instead: k += a[i] > 0 becomes if (a[i] > 0) k += 1. One that only counts stays the sum that it is.
void count_under_conditions(Draft& draft);

}  // namespace ak::analyser
