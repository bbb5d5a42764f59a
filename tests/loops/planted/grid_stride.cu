// a[i] = b[n - 1 - i], with a fixed grid
// arguments: n, float a[n] = 0, const float b[n] = mixed
// launches: planted 3
// right: of 96 threads: kThreads = 64 => kThreads = 96
// right: of 256 threads: kThreads = 64 => kThreads = 256
// wrong race: step of a block: i += gridDim.x * kThreads => i += kThreads
// wrong value: one round: i += gridDim.x * kThreads => i += n
// wrong bounds: mirrored past the end: n - 1 - i => n - i
constexpr int kThreads = 64;
__global__ void planted(int n, float* __restrict__ a, const float* __restrict__ b) {
  for (int i = blockIdx.x * kThreads + threadIdx.x; i < n; i += gridDim.x * kThreads) a[i] = b[n - 1 - i];
}
