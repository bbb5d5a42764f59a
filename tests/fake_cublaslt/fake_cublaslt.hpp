// A libcublasLt.so.13 beside the fake driver: two heuristics for everything, the first with a workspace; products are counted.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <vector>

namespace fake {

constexpr std::size_t kVendorWorkspace = std::size_t{32} << 20;  // of the first heuristic; the second has none

struct Product {
  CUstream stream = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  float alpha = 0, beta = 0;
};
/// Since the last call of this function.
std::vector<Product> products();

}  // namespace fake
