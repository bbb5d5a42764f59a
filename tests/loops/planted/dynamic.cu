// a[i] = b[n - 1 - i] within each block of n, through dynamic shared memory
// arguments: n, float a[n] = 0, const float b[n] = mixed
// launches: planted n shared
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 96 threads: kThreads = 128 => kThreads = 96
// right: twice through it: s[threadIdx.x] = i < n ? b[i] : 0; => s[threadIdx.x] = 0; s[threadIdx.x] = i < n ? b[i] : 0;
// wrong race: missing barrier: __syncthreads(); =>
// wrong bounds: one past the dynamic memory: s[kThreads - 1 - threadIdx.x] => s[kThreads - threadIdx.x]
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, const float* b) {
  extern __shared__ float s[];
  const int i = blockIdx.x * kThreads + threadIdx.x;
  s[threadIdx.x] = i < n ? b[i] : 0;
  __syncthreads();
  if (i < n) a[i] = s[kThreads - 1 - threadIdx.x];
}
