// a[at[i]] = b[i]; of two that meet the later stays
// arguments: n, float a[n] = mixed, const float b[n] = mixed, const int at[n] = duplicates, int owner[n] = minus scratch
// launches: own n, planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 256 threads: kThreads = 128 => kThreads = 256
// wrong race: as they come: owner[at[i]] == i => true
// wrong value: the first stays: atomicMax(owner + at[i], i) => atomicMin(reinterpret_cast<unsigned*>(owner) + at[i], (unsigned)i)
// wrong race: owner without an atomic: atomicMax(owner + at[i], i) => owner[at[i]] = max(owner[at[i]], i)
// wrong value: duplicates lost: owner[at[i]] == i => owner[i] == i
constexpr int kThreads = 128;
__global__ void own(int n, float* a, const float* b, const int* at, int* owner) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n) atomicMax(owner + at[i], i);
}
__global__ void planted(int n, float* a, const float* b, const int* at, int* owner) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n && owner[at[i]] == i) a[at[i]] = b[i];
}
