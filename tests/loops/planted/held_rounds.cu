// twenty rounds of a[i] += a[i - 1] of 1..n-1, each from what the one before has left: held in shared memory where it fits
// arguments: n, int a[n] = mixed
// launches: planted 1 shared
// right: of 64 threads: kThreads = 512 => kThreads = 64
// right: of 1024 threads: kThreads = 512 => kThreads = 1024
// right: never held: n <= kThreads => n < 0
// wrong value: not written back: ak::put(a + i, held[i]); => ak::put(a + i, a[i]);
// wrong race: rounds before all is there: held[i] = a[i];\n    __syncthreads(); => held[i] = a[i];
// wrong unset: loaded but for the last: i < n; i += kThreads) held[i] = a[i] => i < n - 1; i += kThreads) held[i] = a[i]
// wrong bounds: held though it does not fit: n <= kThreads => n > 0
// wrong race: no barrier between reading and writing: __syncthreads();  // all have read => // all have read
// wrong race: no barrier between rounds: __syncthreads();  // all have written =>
constexpr int kThreads = 512;
__device__ void rounds(int n, int* a) {
  for (int round = 0; round < 20; ++round) {
    for (int end = n; end > 1; end -= kThreads) {  // the last ones first: none is read that this round has changed
      const int i = end - 1 - threadIdx.x;
      const int before = i >= 1 ? a[i - 1] : 0;
      __syncthreads();  // all have read
      if (i >= 1) a[i] += before;
      __syncthreads();  // all have written
    }
  }
}
__global__ void planted(int n, int* a) {
  extern __shared__ int held[];
  if (n <= kThreads) {
    for (int i = threadIdx.x; i < n; i += kThreads) held[i] = a[i];
    __syncthreads();
    rounds(n, held);
    for (int i = threadIdx.x; i < n; i += kThreads) ak::put(a + i, held[i]);
  } else {
    rounds(n, a);
  }
}
