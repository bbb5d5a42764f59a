// x[i] = x[i - 1] + b[i], one thread; and what comes of it when iterations run at once
// arguments: n, float x[n] = mixed, const float b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: the last thread of the grid: const bool mine = i == 0; => const bool mine = i == (int)(gridDim.x * kThreads) - 1;
// wrong race: blind: if (mine)\n    for (int k = 1; k < n; ++k) x[k] = x[k - 1] + b[k]; => if (i > 0 && i < n) x[i] = x[i - 1] + b[i];
// wrong race: blind over what is read later: if (mine)\n    for (int k = 1; k < n; ++k) x[k] = x[k - 1] + b[k]; => if (i + 1 < n) x[i] = x[i + 1] + b[i];
// wrong race: blind in chunks: if (mine)\n    for (int k = 1; k < n; ++k) x[k] = x[k - 1] + b[k]; => for (int k = max(1, i * 4); k < min(n, i * 4 + 4); ++k) x[k] = x[k - 1] + b[k];
// wrong race: blind sum: if (mine)\n    for (int k = 1; k < n; ++k) x[k] = x[k - 1] + b[k]; => if (i < n) x[0] += b[i];
// wrong race: blind count: if (mine)\n    for (int k = 1; k < n; ++k) x[k] = x[k - 1] + b[k]; => __shared__ int k; if (threadIdx.x == 0) k = 0; __syncthreads(); if (i < n) x[k++ % n] = b[i];
// wrong race: all threads do all: if (mine) => if (i < n)
constexpr int kThreads = 128;
__global__ void planted(int n, float* x, const float* b) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  const bool mine = i == 0;
  if (mine)
    for (int k = 1; k < n; ++k) x[k] = x[k - 1] + b[k];
}
