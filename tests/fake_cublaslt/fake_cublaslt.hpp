// A libcublasLt.so.13 beside the fake driver: two heuristics for everything, the first with a workspace; products are counted.
#pragma once

#include <cuda.h>
#include <library_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace fake {

constexpr std::size_t kVendorWorkspace = std::size_t{32} << 20;  // of the first heuristic; the second has none

struct Product {
  CUstream stream = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  float alpha = 0, beta = 0;
  const void *first = nullptr, *second = nullptr;  // cuBLASLt's A and B
  const void* d = nullptr;
  // Of D as cuBLASLt sees it: column-major.
  cudaDataType_t d_type = CUDA_R_16BF;
  std::uint64_t d_rows = 0, d_columns = 0;
  std::int64_t d_ld = 0;
};
/// Since the last call of this function.
std::vector<Product> products();
/// What every product does, in its launch, from now on; empty: nothing.
void multiply(std::function<void(const Product&)> how);
/// So many of the next questions for heuristics fail with that status (cublasStatus_t).
void refuse(int times, int status);
/// Of the problems that heuristics were asked for since the last call of this function: rows, which are D's columns here.
std::vector<std::uint64_t> asked();

}  // namespace fake
