// What is made of truth values: counters that grow by one, the branch-free way to pack (y[k] = a[i]; k += a[i] > 0), and
// whether something holds of all or of any.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// A scalar that stands in a subscript and moves by a truth value, or by a constant times one, counts under a condition
/// instead: k += a[i] > 0 becomes if (a[i] > 0) k += 1. One that only counts stays the sum that it is.
void count_under_conditions(Draft& draft);

/// A local that is 0 or 1 throughout gathers with & or |, which are reductions: f = f && a[i] > 0 becomes f = f & a[i] > 0. Only
/// where the other operand may be evaluated though it would not be: one such statement, which leads to no element through
/// another and divides no integers.
void gather_truths(Draft& draft);

}  // namespace ak::analyser
