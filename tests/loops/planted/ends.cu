// what does not end as it should: a[i] = the number of times b[i] can be halved
// arguments: n, int a[n] = 0, const int b[n] = positive
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 256 threads: kThreads = 128 => kThreads = 256
// wrong steps: never ends: x /= 2 => x = x / 2 + 1
// wrong steps: waits for what nobody sees: int count = 0; => int count = 0; while (a[0] == 0) count += 0;
// wrong trap: traps: int count = 0; => int count = 0; if (x > 90) __trap();
// wrong crash: divides by zero: int count = 0; => int count = 100 / (x - 50) == 100;
constexpr int kThreads = 128;
__global__ void planted(int n, int* a, const int* b) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= n) return;
  int x = b[i];
  int count = 0;
  for (; x > 1; x /= 2) ++count;
  a[i] = count;
}
