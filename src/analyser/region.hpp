// The body of a loop inside a function, as a function of its own.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// For a draft of a region, when its gotos are gone: scalars that it reads before it writes them become parameters or constants,
/// and those that are wanted behind it are handed out.
void settle_region(Draft& draft);

}  // namespace ak::analyser
