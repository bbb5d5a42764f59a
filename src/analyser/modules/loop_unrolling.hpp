#pragma once

#include <vector>

#include "loop/function.hpp"
#include "loop/verdict.hpp"

namespace ak::analyser {

/// Loops of step k whose body is k (or a divisor of k) congruent parts become loops of one part, and sums unrolled by hand sums of
/// one term; a note for each. The same assignments run in the same order, but a sum's terms are added one by one.
loop::Function rerolled(loop::Function function, std::vector<loop::Note>& notes);

}  // namespace ak::analyser
