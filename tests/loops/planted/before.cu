// t = 5; for (i) { a[i] = t + b[i]; t = b[i]; }: a wrap-around
// arguments: n, float a[n] = 0, const float b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 512 threads: kThreads = 128 => kThreads = 512
// wrong bounds: first iteration as any other: i > 0 ? b[i - 1] : 5 => b[i - 1]
// wrong value: stale value: i > 0 ? b[i - 1] : 5 => 5
// wrong value: its own value: b[i - 1] => b[i]
// wrong race: one variable for all: i > 0 ? b[i - 1] : 5; => t; t = b[i];
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, const float* b) {
  __shared__ float t;
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (threadIdx.x == 0) t = 5;
  __syncthreads();
  if (i < n) {
    const float last = i > 0 ? b[i - 1] : 5;
    a[i] = last + b[i];
  }
}
