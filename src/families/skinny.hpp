// The family of kernels/skinny.cu: at most 8 rows of A, memory-bound.
#pragma once

#include "families/family.hpp"

namespace ak {

const Family& skinny_family();

}  // namespace ak
