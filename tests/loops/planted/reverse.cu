// a[i], a[n - 1 - i] change places for i < n / 2
// arguments: n, float a[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: each pair by two threads that wait: if (i < n / 2) => if (2 * i + 1 < n)
// wrong race: every pair twice: i < n / 2 => i < n
// wrong value: every second time: i < n / 2 => i < n / 4
// wrong bounds: other end off by one: n - 1 - i => n - i
// wrong race: copied instead: a[n - 1 - i] = left; => a[(n - 1 - i) / 2 * 2] = left;
constexpr int kThreads = 128;
__global__ void planted(int n, float* a) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n / 2) {
    const float left = a[i];
    a[i] = a[n - 1 - i];
    a[n - 1 - i] = left;
  }
}
