// x[i] = x[i - 4] - b[i] for i >= 4: four chains that never meet
// arguments: n, float x[n] = mixed, const float b[n] = mixed
// launches: planted 1
// right: of 32 threads: kThreads = 4 => kThreads = 32
// right: as if they were eight: threadIdx.x < 4 => threadIdx.x < 4 && kThreads > 0
// wrong race: five chains: constexpr int kChains = 4 => constexpr int kChains = 5
// wrong race: distance of one less: x[i] = x[i - 4] => x[i] = x[i - 3]
// wrong value: starts one late: i = 4 + threadIdx.x => i = 8 + threadIdx.x
// wrong race: as if parallel: i += kChains => i += 1
constexpr int kThreads = 4;
constexpr int kChains = 4;
__global__ void planted(int n, float* x, const float* b) {
  if (threadIdx.x < 4)
    for (int i = 4 + threadIdx.x; i < n; i += kChains) x[i] = x[i - 4] - b[i];
}
