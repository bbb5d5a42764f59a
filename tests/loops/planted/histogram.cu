// count[at[i] % 16] += 1
// arguments: n, int count[16] = 0, const int at[n] = duplicates
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: in global memory: atomicAdd(&bins[at[i] % 16], 1) => atomicAdd(&count[at[i] % 16], 1)
// wrong unset: bins not cleared: if (threadIdx.x < 16) bins[threadIdx.x] = 0; =>
// wrong race: bins without an atomic: atomicAdd(&bins[at[i] % 16], 1) => bins[at[i] % 16] += 1
// wrong race: missing barrier after clearing: = 0;\n  __syncthreads(); => = 0;
// wrong race: missing barrier before adding up: atomicAdd(&bins[at[i] % 16], 1);\n  __syncthreads(); => atomicAdd(&bins[at[i] % 16], 1);
// wrong race: sum without an atomic: atomicAdd(&count[threadIdx.x], bins[threadIdx.x]) => count[threadIdx.x] += bins[threadIdx.x]
// wrong value: last bin forgotten: atomicAdd(&count[threadIdx.x], bins[threadIdx.x]) => atomicAdd(&count[threadIdx.x], threadIdx.x < 15 ? bins[threadIdx.x] : 0)
constexpr int kThreads = 128;
__global__ void planted(int n, int* count, const int* at) {
  __shared__ int bins[16];
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (threadIdx.x < 16) bins[threadIdx.x] = 0;
  __syncthreads();
  if (i < n) atomicAdd(&bins[at[i] % 16], 1);
  __syncthreads();
  if (threadIdx.x < 16) atomicAdd(&count[threadIdx.x], bins[threadIdx.x]);
}
