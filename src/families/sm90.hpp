// The Hopper family: TMA, wgmma, warp-specialised persistent kernels for operands on 16-byte boundaries.
#pragma once

#include "families/family.hpp"

namespace ak {

const Family& sm90_family();

}  // namespace ak
