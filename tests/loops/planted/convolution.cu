// a[i] = sum over j < 9 of w[j] * b[i + j], b has n + 8 elements
// arguments: n, float a[n] = 0, const float b[n+8] = mixed, const float w[9] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 256 threads: kThreads = 128 => kThreads = 256
// right: weights through the read-only cache: w[j] * => __ldg(w + j) *
// wrong bounds: one tap more: j < 9 => j < 10
// wrong value: one tap less: j < 9 => j < 8
// wrong value: turned round: tile[threadIdx.x + j] => tile[threadIdx.x + 8 - j]
// wrong unset: tile without its end: t < kThreads + 8; => t < kThreads;
// wrong bounds: weights one on: w[j] * => w[j + 1] *
// wrong race: missing barrier: __syncthreads(); =>
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, const float* b, const float* w) {
  __shared__ float tile[kThreads + 8];
  const int first = blockIdx.x * kThreads, i = first + threadIdx.x;
  for (int t = threadIdx.x; t < kThreads + 8; t += kThreads) tile[t] = first + t < n + 8 ? b[first + t] : 0;
  __syncthreads();
  float sum = 0;
  for (int j = 0; j < 9; ++j) sum += w[j] * tile[threadIdx.x + j];
  if (i < n) a[i] = sum;
}
