// goto, continue and switch's break become if and else.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// Leaves neither labels nor jumps. Throws Refused for a jump into a block, and where it would have to write a statement too
/// often.
void structure(Draft& draft);

}  // namespace ak::analyser
