// Integer scalars that only pass a value on.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// Integer locals are replaced by what was assigned to them where that still has its value, assignments to integers that
/// nothing reads go, and so do branches whose side is known.
void propagate(Draft& draft);

}  // namespace ak::analyser
