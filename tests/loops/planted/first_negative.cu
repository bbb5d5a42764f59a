// for (i ...) { if (b[i] < 0) break; a[i] = b[i]; }
// arguments: n, float a[n] = 0, const float b[n] = late, int first[1] = top scratch
// launches: find n, planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 512 threads: kThreads = 128 => kThreads = 512
// right: a warp's first only: if (i < n && b[i] < 0) atomicMin(first, i); => const unsigned votes = __ballot_sync(~0u, i < n && b[i] < 0); if (votes && threadIdx.x % 32 == 0) atomicMin(first, i + __ffs(votes) - 1);
// wrong value: exit one late: i < *first => i <= *first
// wrong value: the last one leaves: atomicMin(first, i) => atomicExch(first, i)
// wrong race: the first without an atomic: atomicMin(first, i) => *first = min(*first, i)
// wrong bounds: bound of the grid: i < n && b[i] < 0 => b[i] < 0
// wrong value: never leaves: i < n && i < *first => i < n
constexpr int kThreads = 128;
__global__ void find(int n, float* a, const float* b, int* first) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n && b[i] < 0) atomicMin(first, i);
}
__global__ void planted(int n, float* a, const float* b, int* first) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n && i < *first) a[i] = b[i];
}
