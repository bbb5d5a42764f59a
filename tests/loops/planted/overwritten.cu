// a[i] = b[i]; a[i + 1] = c[i]; the later iteration's value stays; a has n + 1 elements
// arguments: n, float a[n+1] = 0, const float b[n] = mixed, const float c[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 1024 threads: kThreads = 128 => kThreads = 1024
// wrong race: both written: if (i == n - 1) a[n] = c[n - 1]; => a[i + 1] = c[i];
// wrong value: last forgotten: if (i == n - 1) a[n] = c[n - 1]; =>
// wrong value: the earlier one stays: a[i] = b[i]; => a[i] = i > 0 ? c[i - 1] : b[i];
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, const float* b, const float* c) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n) {
    a[i] = b[i];
    if (i == n - 1) a[n] = c[n - 1];
  }
}
