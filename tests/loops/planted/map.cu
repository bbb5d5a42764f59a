// a[i] = 2 * b[i] + c[i]
// arguments: n, float a[n] = 0, const float b[n] = mixed, const float c[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 256 => kThreads = 64
// right: of 1024 threads: kThreads = 256 => kThreads = 1024
// right: of 33 threads: kThreads = 256 => kThreads = 33
// wrong bounds: guard <=: i < n => i <= n
// wrong value: tail dropped: i < n => i < n / 32 * 32
// wrong bounds: no guard: if (i < n) =>
// wrong value: neighbour's element: b[i] => b[i > 0 ? i - 1 : 0]
// wrong bounds: element before the first: c[i] => c[i - 1]
// wrong value: one array twice: c[i] => b[i]
// wrong race: block index forgotten: blockIdx.x * kThreads + => 
constexpr int kThreads = 256;
__global__ void planted(int n, float* __restrict__ a, const float* __restrict__ b, const float* __restrict__ c) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n) a[i] = 2 * b[i] + c[i];
}
