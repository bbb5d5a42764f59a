// for j < 8: a[i] += a[j] for all i beyond j: one block, a round for each j
// arguments: n, float a[n] = mixed
// launches: planted 1
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of a warp: kThreads = 128 => kThreads = 32
// wrong race: no barrier between rounds: __syncthreads(); =>
// wrong race: of a warp alone: __syncthreads(); => __syncwarp();
// wrong value: from the round's own on: i = j + 1 + threadIdx.x => i = j + threadIdx.x
// wrong divergence: the barrier is for those with elements: i += kThreads) a[i] += a[j]; => i += kThreads) a[i] += a[j];\n    if (j + 1 + threadIdx.x < n)
// wrong value: one round less: j < 8 => j < 7
// wrong bounds: one element more: i < n; i += => i <= n; i +=
constexpr int kThreads = 128;
__global__ void planted(int n, float* a) {
  for (int j = 0; j < 8 && j < n; ++j) {
    for (int i = j + 1 + threadIdx.x; i < n; i += kThreads) a[i] += a[j];
    __syncthreads();
  }
}
