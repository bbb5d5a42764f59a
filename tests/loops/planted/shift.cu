// a[i] = a[i + 1] + b[i] for i + 1 < n: the first element of each next block is saved before anything is overwritten
// arguments: n, float a[n] = mixed, const float b[n] = mixed, float halo[blocks] = scratch
// launches: save 1, planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// right: a barrier more: __syncthreads(); => __syncthreads(); __syncthreads();
// wrong race: halo not saved: last ? halo[blockIdx.x] : a[i + 1] => a[i + 1]
// wrong race: missing barrier: __syncthreads(); =>
// wrong value: halo of the block before: last ? halo[blockIdx.x] => last ? halo[blockIdx.x > 0 ? blockIdx.x - 1 : 0]
// wrong bounds: reads past the end: i + 1 < n => i < n
// wrong value: saves the last instead of the next: a[(block + 1) * kThreads] => a[(block + 1) * kThreads - 1]
constexpr int kThreads = 128;
__global__ void save(int n, float* a, const float* b, float* halo) {
  for (int block = threadIdx.x; (block + 1) * kThreads < n; block += kThreads) halo[block] = a[(block + 1) * kThreads];
}
__global__ void planted(int n, float* a, const float* b, float* halo) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  const bool last = threadIdx.x == kThreads - 1;
  float next = 0;
  if (i + 1 < n) next = last ? halo[blockIdx.x] : a[i + 1];
  __syncthreads();
  if (i + 1 < n) a[i] = next + b[i];
}
