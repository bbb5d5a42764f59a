// Loops as the tool shows them.
#pragma once

#include <string>

#include "cache/record.hpp"
#include "cli/cli.hpp"

namespace ak::cli {

/// "smooth 6ad0... on NVIDIA H200: map block=256  2.10 us at 32000 iterations", or why it cannot be read.
std::string loop_line(const WorkRecord& record);

/// What is wrong with a record of another kind than the GEMM in its own words, where this tool knows them; empty: nothing. The
/// store knows that it is as it was written.
std::string damage_of(const WorkRecord& record);

/// Why no compiler may read one of its kernels' texts, whoever says that he wrote it; empty: they may. Of what can be read.
std::string refused_text(const WorkRecord& record);

/// All of it, for a person: verdict, kernels, the table of sizes, how it was proven, the kernels' text. Throws
/// Error{invalid_argument} where it cannot be read.
std::string loop_text(const WorkRecord& record);

}  // namespace ak::cli
