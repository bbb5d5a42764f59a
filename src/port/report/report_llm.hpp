// What results.json says of a language model's kernels.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "port/report/results.hpp"
#include "port/report/section.hpp"

namespace ak::port {

/// Shares between which the true one lies with 95 % confidence (Wilson), for `part` of `whole` > 0.
std::pair<double, double> wilson(std::size_t part, std::size_t whole);

/// Attempts by how much it was told, failures by class, and its times beside the templates'. Nothing where none was asked.
std::vector<Section> llm_sections(const Results& results);

}  // namespace ak::port
