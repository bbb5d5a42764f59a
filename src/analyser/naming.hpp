// Names as the source has them, and no variable that nothing uses.
#pragma once

#include "analyser/c_tree.hpp"

namespace ak::analyser {

void name_variables(Draft& draft);

}  // namespace ak::analyser
