// a[at[i]] = b[i], at a permutation
// arguments: n, float a[n] = 0, const float b[n] = mixed, const int at[n] = permutation
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: each its own four: i = blockIdx.x * kThreads + threadIdx.x => i = blockIdx.x * kThreads + (threadIdx.x ^ 1)
// wrong bounds: from 1: a[at[i]] => a[at[i] + 1]
// wrong value: gathered: a[at[i]] = b[i] => a[i] = b[at[i]]
// wrong race: two to one place: a[at[i]] => a[at[i] / 2]
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, const float* b, const int* at) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n) a[at[i]] = b[i];
}
