// total[0] += b[i], total[1] += 1, under a lock that one thread of each block takes
// arguments: n, float total[2] = 0, const float b[n] = mixed, int lock[1] = zeroed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// wrong race: no fence after taking: while (atomicCAS(lock, 0, 1)) ak::pause();\n    __threadfence(); => while (atomicCAS(lock, 0, 1)) ak::pause();
// wrong race: no fence before giving: __threadfence();\n    atomicExch(lock, 0); => atomicExch(lock, 0);
// wrong race: does not wait: while (atomicCAS(lock, 0, 1)) ak::pause(); => atomicCAS(lock, 0, 1);
// wrong deadlock: never given back: atomicExch(lock, 0); =>
// wrong race: given back too early: total[0] += sum; => atomicExch(lock, 0);\n    total[0] += sum;
constexpr int kThreads = 128;
__global__ void planted(int n, float* total, const float* b, int* lock) {
  __shared__ float room[ak::kRoom];
  const int i = blockIdx.x * kThreads + threadIdx.x;
  const float sum = ak::block_reduce(i < n ? b[i] : 0.0f, ak::Add<float>(), room);
  const int count = __syncthreads_count(i < n);
  if (threadIdx.x == 0) {
    while (atomicCAS(lock, 0, 1)) ak::pause();
    __threadfence();
    total[0] += sum;
    total[1] += count;
    __threadfence();
    atomicExch(lock, 0);
  }
}
