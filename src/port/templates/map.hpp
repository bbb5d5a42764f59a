// Of map, what other templates use too.
#pragma once

#include "port/templates/loop_sweep.hpp"

namespace ak::port {

/// Whether map_kernel can leave the work's kept scalars: the last iteration sets them all.
bool keeps_last(const Work& work, const Sweep& sweep);
/// Every iteration once, as `body` has it.
Kernel map_kernel(const Work& work, const Sweep& sweep, const std::vector<loop::Node>& body, int block, int unroll,
                  const Packs* packs = nullptr);

}  // namespace ak::port
