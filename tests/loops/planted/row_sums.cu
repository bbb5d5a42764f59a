// a[r] = sum of b[r * 40 + c] over 40 columns, a warp a row
// arguments: n, float a[n] = 0, const float b[40n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: sums in shared memory: return __shfl_sync(0xffffffffu, x, 0); => __shared__ float s[kThreads]; s[threadIdx.x] = x; __syncwarp(); x = s[threadIdx.x / 32 * 32]; __syncwarp(); return x;
// wrong value: first 32 columns: c < 40; c += 32 => c < 32; c += 32
// wrong bounds: row after the last: row < n => row <= n
// wrong value: tail lanes gone: c = lane; c < 40; c += 32) x += b[row * 40 + c]; => c = lane; c < 40; c += 32) x += b[row * 40 + c]; if (lane > 7) return;
// wrong value: shuffle of half a warp: by = 16 => by = 8
// wrong race: shared memory without a barrier: return __shfl_sync(0xffffffffu, x, 0); => __shared__ float s[kThreads]; s[threadIdx.x] = x; x = s[threadIdx.x / 32 * 32]; __syncwarp(); return x;
constexpr int kThreads = 128;
__device__ float warp_sum(float x) {
  for (int by = 16; by > 0; by /= 2) x += __shfl_down_sync(0xffffffffu, x, by);
  return __shfl_sync(0xffffffffu, x, 0);
}
__global__ void planted(int n, float* a, const float* b) {
  const int lane = threadIdx.x % 32;
  for (int row = (blockIdx.x * kThreads + threadIdx.x) / 32; row < n; row += gridDim.x * kThreads / 32) {
    float x = 0;
    for (int c = lane; c < 40; c += 32) x += b[row * 40 + c];
    x = warp_sum(x);
    if (lane == 0) a[row] = x;
  }
}
