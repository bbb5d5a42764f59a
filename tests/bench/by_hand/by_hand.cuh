// Four loops as a good CUDA programmer writes them: what `ak port` makes of the same C functions is timed beside them.
#pragma once

#include <cub/device/device_scan.cuh>
#include <cuda_runtime.h>

namespace by_hand {

/// void smooth(int n, float out[n], const float in[n + 1]): out[i] = 0.5f * (in[i] + in[i + 1]). Bandwidth alone: 16 bytes a
/// thread. Both arrays are aligned to 16 bytes.
__global__ void smooth_kernel(int n, float* __restrict__ out, const float* __restrict__ in) {
  const int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (i + 4 <= n) {
    const float4 v = *reinterpret_cast<const float4*>(in + i);
    const float next = in[i + 4];
    *reinterpret_cast<float4*>(out + i) =
        make_float4(0.5f * (v.x + v.y), 0.5f * (v.y + v.z), 0.5f * (v.z + v.w), 0.5f * (v.w + next));
  } else {
    for (int k = i; k < n; ++k) out[k] = 0.5f * (in[k] + in[k + 1]);
  }
}
inline void smooth(cudaStream_t stream, int n, float* out, const float* in) {
  constexpr int kThreads = 256;
  smooth_kernel<<<(n + 4 * kThreads - 1) / (4 * kThreads), kThreads, 0, stream>>>(n, out, in);
}

/// void running_sum(int n, float sum[n], const float in[n]): what CUB is for.
inline std::size_t running_sum_bytes(int n) {
  std::size_t bytes = 0;
  cub::DeviceScan::InclusiveSum(nullptr, bytes, static_cast<const float*>(nullptr), static_cast<float*>(nullptr), n);
  return bytes;
}
inline void running_sum(cudaStream_t stream, void* scratch, int n, float* sum, const float* in) {
  std::size_t bytes = running_sum_bytes(n);
  cub::DeviceScan::InclusiveSum(scratch, bytes, in, sum, n, stream);
}

/// int position_of_largest(int n, const float a[n]): the first of the largest. Value and position make one 64-bit key, so that the
/// maximum over keys is the answer; the block that ends last hands it out. Unlike the C function it does not expect NaN.
struct Largest {
  unsigned long long key;
  unsigned ended;
};
__device__ inline unsigned long long key_of(float value, unsigned at) {
  const unsigned bits = __float_as_uint(value + 0.0f);  // -0 is as large as 0
  const unsigned rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return static_cast<unsigned long long>(rising) << 32 | (0xffffffffu - at);
}
__global__ void position_of_largest_kernel(int n, const float* __restrict__ a, int* __restrict__ result, Largest* largest) {
  unsigned long long best = 0;
  const int stride = gridDim.x * blockDim.x, first = blockIdx.x * blockDim.x + threadIdx.x;
  for (int i = first; i < n / 4; i += stride) {
    const float4 v = reinterpret_cast<const float4*>(a)[i];
    best = max(best, max(max(key_of(v.x, 4 * i), key_of(v.y, 4 * i + 1)), max(key_of(v.z, 4 * i + 2), key_of(v.w, 4 * i + 3))));
  }
  for (int i = n / 4 * 4 + first; i < n; i += stride) best = max(best, key_of(a[i], i));
  for (int by = 16; by > 0; by /= 2) best = max(best, __shfl_xor_sync(0xffffffffu, best, by));
  __shared__ unsigned long long of_warps[32];
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  best = threadIdx.x < blockDim.x / 32 ? of_warps[threadIdx.x] : 0;
  for (int by = 16; by > 0; by /= 2) best = max(best, __shfl_xor_sync(0xffffffffu, best, by));
  if (threadIdx.x != 0) return;
  atomicMax(&largest->key, best);
  __threadfence();
  if (atomicAdd(&largest->ended, 1) + 1 < gridDim.x) return;
  *result = static_cast<int>(0xffffffffu - static_cast<unsigned>(atomicExch(&largest->key, 0)));
  atomicExch(&largest->ended, 0);  // for the next launch
}
/// scratch: zeroed once, before the first launch.
inline void position_of_largest(cudaStream_t stream, void* scratch, int n, int* result, const float* a, int sms) {
  constexpr int kThreads = 512;
  const int blocks = min(4 * sms, max(1, (n / 4 + kThreads - 1) / kThreads));
  position_of_largest_kernel<<<blocks, kThreads, 0, stream>>>(n, a, result, static_cast<Largest*>(scratch));
}

/// void histogram(int n, const float x[n], float low, float width, int bins[64]): each warp counts in shared memory of its own.
__global__ void histogram_kernel(int n, const float* __restrict__ x, float low, float width, int* __restrict__ bins) {
  constexpr int kBins = 64, kWarps = 8;
  __shared__ int counts[kWarps][kBins];
  for (int k = threadIdx.x; k < kWarps * kBins; k += blockDim.x) counts[k / kBins][k % kBins] = 0;
  __syncthreads();
  int* const own = counts[threadIdx.x / 32];
  const auto count = [&](float value) { atomicAdd(own + min(max(static_cast<int>((value - low) / width), 0), kBins - 1), 1); };
  const int stride = gridDim.x * blockDim.x, first = blockIdx.x * blockDim.x + threadIdx.x;
  for (int i = first; i < n / 4; i += stride) {
    const float4 v = reinterpret_cast<const float4*>(x)[i];
    count(v.x), count(v.y), count(v.z), count(v.w);
  }
  for (int i = n / 4 * 4 + first; i < n; i += stride) count(x[i]);
  __syncthreads();
  for (int k = threadIdx.x; k < kBins; k += blockDim.x) {
    int sum = 0;
    for (int w = 0; w < kWarps; ++w) sum += counts[w][k];
    if (sum) atomicAdd(bins + k, sum);
  }
}
inline void histogram(cudaStream_t stream, int n, const float* x, float low, float width, int* bins, int sms) {
  constexpr int kThreads = 256;
  const int blocks = min(8 * sms, max(1, (n / 4 + kThreads - 1) / kThreads));
  histogram_kernel<<<blocks, kThreads, 0, stream>>>(n, x, low, width, bins);
}

}  // namespace by_hand
