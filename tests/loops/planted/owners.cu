// a[at[i]] += b[i], integers, duplicates among at
// arguments: n, int a[n] = mixed, const int b[n] = mixed, const int at[n] = duplicates
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: by compare and swap: atomicAdd(a + at[i], b[i]); => for (int seen = 0, old = seen + 1; seen != old;) old = seen, seen = atomicCAS(a + at[i], old, old + b[i]);
// wrong race: duplicates lost: atomicAdd(a + at[i], b[i]) => a[at[i]] += b[i]
// wrong value: overwritten: atomicAdd(a + at[i], b[i]) => atomicExch(a + at[i], b[i])
// wrong value: compare and swap once: atomicAdd(a + at[i], b[i]); => atomicCAS(a + at[i], 0, b[i]);
constexpr int kThreads = 128;
__global__ void planted(int n, int* a, const int* b, const int* at) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n) atomicAdd(a + at[i], b[i]);
}
