// a[i] = b[i - 1] + b[i] + b[i + 1], 0 outside, with a tile in shared memory
// arguments: n, float a[n] = 0, const float b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// right: of 1024 threads: kThreads = 128 => kThreads = 1024
// wrong unset: left halo not loaded: if (t == 0) s[0] = i > 0 && i <= n ? b[i - 1] : 0; =>
// wrong unset: right halo not loaded: if (t == kThreads - 1) s[kThreads + 1] = i + 1 < n ? b[i + 1] : 0; =>
// wrong race: missing barrier: __syncthreads(); =>
// wrong bounds: halo past the end: i + 1 < n ? b[i + 1] => i < n ? b[i + 1]
// wrong bounds: halo before the first: i > 0 && i <= n ? b[i - 1] => i <= n ? b[i - 1]
// wrong bounds: tile too short: s[kThreads + 2] => s[kThreads + 1]
// wrong value: tile off by one: s[t] + s[t + 1] + s[t + 2] => s[t] + s[t + 1] + s[t + 1]
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, const float* b) {
  __shared__ float s[kThreads + 2];
  const int t = threadIdx.x, i = blockIdx.x * kThreads + t;
  s[t + 1] = i < n ? b[i] : 0;
  if (t == 0) s[0] = i > 0 && i <= n ? b[i - 1] : 0;
  if (t == kThreads - 1) s[kThreads + 1] = i + 1 < n ? b[i + 1] : 0;
  __syncthreads();
  if (i < n) a[i] = s[t] + s[t + 1] + s[t + 2];
}
