// Flat arrays of rows: where it is proven in which row y * w + x lies and at which place of it, it is [y][x].
#pragma once

#include "analyser/model.hpp"

namespace ak::analyser::flow {

/// Gives accesses to a flat array, which isl does not have as they stand, a row and a place each (or a plane, row and place):
/// two of them meet where these are the same, whatever the rows' length.
void recover_rows(Model& model, const Facts& facts);

}  // namespace ak::analyser::flow
