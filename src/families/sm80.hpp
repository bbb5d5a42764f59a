// The family of kernels/sm80.cu: any layout, size and alignment on compute capability 8.0 and later.
#pragma once

#include "families/family.hpp"

namespace ak {

const Family& sm80_family();

}  // namespace ak
