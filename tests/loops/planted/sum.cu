// total += b[i], by a tree in shared memory
// arguments: n, float total[1] = 0, const float b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 256 => kThreads = 64
// right: of 1024 threads: kThreads = 256 => kThreads = 1024
// right: half first: half = kThreads / 2; half > 0; half /= 2 => half = kThreads / 2; half >= 1; half >>= 1
// wrong race: missing barrier: s[threadIdx.x] += s[threadIdx.x + half];\n    __syncthreads(); => s[threadIdx.x] += s[threadIdx.x + half];
// wrong race: no barrier before the tree: : 0;\n  __syncthreads(); => : 0;
// wrong race: sum without an atomic: atomicAdd(total, s[0]) => *total += s[0]
// wrong value: last step of the tree forgotten: half > 0 => half > 1
// wrong value: wrong identity: b[i] : 0 => b[i] : 1
// wrong value: every thread adds: if (threadIdx.x == 0) =>
// wrong divergence: barrier under a condition: s[threadIdx.x + half];\n    __syncthreads(); => s[threadIdx.x + half], __syncthreads();
// wrong bounds: reads past the shared array: threadIdx.x < half => threadIdx.x < 2 * half + 1
constexpr int kThreads = 256;
__global__ void planted(int n, float* total, const float* b) {
  __shared__ float s[kThreads];
  const int i = blockIdx.x * kThreads + threadIdx.x;
  s[threadIdx.x] = i < n ? b[i] : 0;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) atomicAdd(total, s[0]);
}
