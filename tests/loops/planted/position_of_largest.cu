// the first i at which b[i] is largest
// arguments: n, int position[1] = 0, const float b[n] = ties
// launches: planted 1
// right: of 64 threads: kThreads = 256 => kThreads = 64
// right: of 512 threads: kThreads = 256 => kThreads = 512
// right: a chunk a thread: int i = threadIdx.x; i < n; i += kThreads => int i = threadIdx.x * ((n + kThreads - 1) / kThreads), end = min(n, i + (n + kThreads - 1) / kThreads); i < end; ++i
// wrong value: tie to the last: other < where => other > where
// wrong value: tie to the last in a thread: b[i] > most => b[i] >= most
// wrong value: ties as they come: x == best[threadIdx.x] && other < where => x == best[threadIdx.x] && other < 0
// wrong race: missing barrier: at[threadIdx.x] = other;\n    }\n    __syncthreads(); => at[threadIdx.x] = other;\n    }
// wrong value: smallest: b[i] > most => b[i] < most
constexpr int kThreads = 256;
__global__ void planted(int n, int* position, const float* b) {
  __shared__ float best[kThreads];
  __shared__ int at[kThreads];
  float most = 0;
  int first = n;
  for (int i = threadIdx.x; i < n; i += kThreads)
    if (first == n || b[i] > most) most = b[i], first = i;
  best[threadIdx.x] = most;
  at[threadIdx.x] = first;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      const float x = best[threadIdx.x + half];
      const int other = at[threadIdx.x + half], where = at[threadIdx.x];
      if (other < n && (where == n || x > best[threadIdx.x] || (x == best[threadIdx.x] && other < where)))
        best[threadIdx.x] = x, at[threadIdx.x] = other;
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) position[0] = at[0];
}
