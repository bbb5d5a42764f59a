// What the examples with their own GPU memory share: an error ends them with a pointer to the remedy, and arrays are filled
// with something.
#pragma once

#include <cuda_runtime.h>
#include <errno.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

inline void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s; `ak doctor` says what a machine lacks\n", program_invocation_short_name,
               cudaGetErrorString(error));
  std::exit(3);
}

// Small values that differ, as weights would; what they are does not matter here.
inline void* device_values(std::size_t count) {
  std::vector<std::uint16_t> host(count);
  for (std::size_t i = 0; i < count; ++i)
    host[i] = static_cast<std::uint16_t>(0x3c00 + (i * 2654435761u >> 25) + (i % 2 << 15));
  void* data = nullptr;
  check(cudaMalloc(&data, count * 2));
  check(cudaMemcpy(data, host.data(), count * 2, cudaMemcpyHostToDevice));
  return data;
}
