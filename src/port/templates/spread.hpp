// Values of a scalar that a scan makes and another group of its loop takes: through an array, so that each stands alone.
#pragma once

#include "loop/verdict.hpp"

namespace ak::port {

inline constexpr int kBetween = 16;  // ids between those of neighbours: nodes rise in text order
/// With room for others between the nodes: every id, times kBetween.
void space_ids(loop::Verdict& verdict);

/// The same verdict with a local array for each such scalar, of the loop's iterations: the scan's group writes it where the
/// scalar is read, the other reads it there. Groups that one thread runs all the same take their scalars as they are.
loop::Verdict with_values_spread(loop::Verdict verdict);

}  // namespace ak::port
