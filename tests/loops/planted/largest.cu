// largest[0] = max(b[i]) of negative numbers, by shuffles
// arguments: n, int largest[1] = lowest, const int b[n] = negative
// launches: planted n
// right: of 64 threads: kThreads = 256 => kThreads = 64
// right: of 512 threads: kThreads = 256 => kThreads = 512
// right: down instead of xor: __shfl_xor_sync(0xffffffffu, x, by) => __shfl_down_sync(0xffffffffu, x, by)
// right: by the warp's own maximum: for (int by = 16; by > 0; by /= 2) x = max(x, __shfl_xor_sync(0xffffffffu, x, by)); => x = __reduce_max_sync(0xffffffffu, x);
// wrong value: identity 0: kLowest : b[i] => 0 : b[i]
// wrong race: missing barrier: __syncthreads(); =>
// wrong value: only the first warp: if (threadIdx.x < 32) => if (threadIdx.x < 1)
// wrong value: shuffle within 16 lanes: int by = 16 => int by = 8
// wrong unset: warps that there are not: lane < kThreads / 32 => lane <= kThreads / 32
// wrong value: lanes gone: if (threadIdx.x < 32) { => if (threadIdx.x < 16) {
constexpr int kThreads = 256, kLowest = -2147483647;
__device__ int warp_largest(int x) {
  for (int by = 16; by > 0; by /= 2) x = max(x, __shfl_xor_sync(0xffffffffu, x, by));
  return x;
}
__global__ void planted(int n, int* largest, const int* b) {
  __shared__ int part[32];
  const int i = blockIdx.x * kThreads + threadIdx.x, lane = threadIdx.x % 32;
  const int mine = warp_largest(i >= n ? kLowest : b[i]);
  if (lane == 0) part[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x < 32) {
    const int all = warp_largest(lane < kThreads / 32 ? part[lane] : kLowest);
    if (threadIdx.x == 0) atomicMax(largest, all);
  }
}
