// four times: a[i] = b[i] + b[i + 1 mod n], then a and b change places; all blocks meet after each step
// arguments: n, float a[n] = 0, float b[n] = mixed, unsigned arrived[1] = zeroed
// launches: planted 4
// right: of 128 threads: kThreads = 64 => kThreads = 128
// right: of 32 threads: kThreads = 64 => kThreads = 32
// right: a barrier of fences: ak::grid_barrier(arrived, step + 1); => __syncthreads(); if (threadIdx.x == 0) { __threadfence(); atomicAdd(arrived, 1u); while (atomicAdd(arrived, 0u) < (step + 1) * gridDim.x) pause(); __threadfence(); } __syncthreads();
// wrong race: no barrier: ak::grid_barrier(arrived, step + 1); =>
// wrong race: a barrier of the block: ak::grid_barrier(arrived, step + 1); => __syncthreads();
// wrong value: counted from the first again: ak::grid_barrier(arrived, step + 1) => ak::grid_barrier(arrived, 1)
// wrong deadlock: one too many: ak::grid_barrier(arrived, step + 1) => ak::grid_barrier(arrived, step + 2)
// wrong race: a barrier without fences: ak::grid_barrier(arrived, step + 1); => __syncthreads(); if (threadIdx.x == 0) { atomicAdd(arrived, 1u); while (atomicAdd(arrived, 0u) < (step + 1) * gridDim.x) pause(); } __syncthreads();
// wrong value: three times: step < 4 => step < 3
constexpr int kThreads = 64;
__global__ void planted(int n, float* a, float* b, unsigned* arrived) {
  for (unsigned step = 0; step < 4; ++step) {
    float* const to = step % 2 ? b : a;
    float* const from = step % 2 ? a : b;
    for (int i = blockIdx.x * kThreads + threadIdx.x; i < n; i += gridDim.x * kThreads) to[i] = from[i] + from[i + 1 < n ? i + 1 : 0];
    ak::grid_barrier(arrived, step + 1);
  }
}
