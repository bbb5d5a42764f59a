// a[i] = b[i] + 1; c[i] = a[i - 1] for i > 0: two launches, the second may start early
// arguments: n, float a[n] = 0, const float b[n] = mixed, float c[n] = 0
// launches: first n, planted n dependent
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 256 threads: kThreads = 128 => kThreads = 256
// right: waits at the beginning: const int i = blockIdx.x * kThreads + threadIdx.x;\n  ak::wait_for_previous(); => ak::wait_for_previous();\n  const int i = blockIdx.x * kThreads + threadIdx.x;
// right: one thread of a warp waits: ak::wait_for_previous(); => if (threadIdx.x % 32 == 0) ak::wait_for_previous();\n  __syncwarp();
// wrong race: does not wait: ak::wait_for_previous(); =>
// wrong race: one thread waits: ak::wait_for_previous(); => if (threadIdx.x == 0) ak::wait_for_previous();
// wrong race: waits too late: ak::wait_for_previous();\n  if (i > 0 && i < n) c[i] = a[i - 1]; => if (i > 0 && i < n) c[i] = a[i - 1];\n  ak::wait_for_previous();
// wrong value: its own: a[i - 1] => a[i]
constexpr int kThreads = 128;
__global__ void first(int n, float* a, const float* b, float* c) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n) a[i] = b[i] + 1;
}
__global__ void planted(int n, float* a, const float* b, float* c) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  ak::wait_for_previous();
  if (i > 0 && i < n) c[i] = a[i - 1];
}
