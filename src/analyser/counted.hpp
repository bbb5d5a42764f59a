// Endless loops with a test become loops that count.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// `known`: of integer parameters. Throws Refused for a loop without a countable end.
void count_loops(Draft& draft, const loop::Values& known);

}  // namespace ak::analyser
