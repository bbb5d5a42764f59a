// The Hopper family: TMA, wgmma, warp-specialised persistent kernels.
#pragma once

#include "families/family.hpp"

namespace ak {

const Family& sm90_family();

}  // namespace ak
