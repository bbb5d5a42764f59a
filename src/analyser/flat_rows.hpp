// Flat arrays of rows: where it is proven in which row y * w + x lies and at which place of it, it is [y][x].
#pragma once

#include <vector>

#include "analyser/model.hpp"
#include "loop/verdict.hpp"

namespace ak::analyser::flow {

/// Gives accesses to a flat array, which isl does not have as they stand, a row and a place each (or a plane, row and place):
/// two of them meet where these are the same, whatever the rows' length.
void recover_rows(Model& model, const Facts& facts);

/// Each access of arrays all of whose accesses lie in one row each, whatever the iteration.
std::vector<loop::InRows> accesses_in_rows(const Model& model);

}  // namespace ak::analyser::flow
