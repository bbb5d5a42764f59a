// How the support kernels are spread over the GPU. All of them loop, so that a grid is never larger than a device takes.
#pragma once

#include <algorithm>

#include "base/arithmetic.hpp"
#include "core/geometry.hpp"

namespace ak {

using ProbeGrid = std::array<std::uint32_t, 3>;
constexpr std::int64_t kProbeThreads = 256;

inline ProbeGrid grid_over(std::int64_t count) {
  return make_grid(std::clamp<std::int64_t>(ceil_div(count, kProbeThreads), 1, 4096));
}

/// Columns along x, rows along y.
inline ProbeGrid grid_over(std::int64_t rows, std::int64_t cols) {
  const auto x = std::clamp<std::int64_t>(ceil_div(cols, kProbeThreads), 1, 64);
  return make_grid(x, std::clamp<std::int64_t>(rows, 1, 8192 / x));
}

/// Tiles of 128 x 128 of an m x n product, columns along x.
inline ProbeGrid grid_of_reference(std::int64_t m, std::int64_t n) {
  return make_grid(ceil_div(n, 128), std::min(ceil_div(m, 128), kMostBlocks[1]));
}

}  // namespace ak
