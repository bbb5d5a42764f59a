// Slots that are written again until a counter moves on: b[k] = a[i]; if (c[i] > 0) k++;
#pragma once

#include <vector>

#include "loop/verdict.hpp"

namespace ak::analyser::flow {

/// Makes every such write where the counter moves on, and the last one of all behind the loop. Nodes get other ids, in `notes`
/// too; what was changed is said.
std::vector<loop::Finding> keep_last_writes(loop::Function& function, std::vector<loop::Note>& notes);

}  // namespace ak::analyser::flow
