// total[0] = b[0] + ..., in one launch: the block that ends last adds the parts up in their order
// arguments: n, float total[1] = 0, const float b[n] = mixed, float part[blocks] = scratch, unsigned ended[1] = zeroed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// right: own fences: ak::is_last_block(ended, count) => is_last(ended, count)
// wrong race: no fence: ak::is_last_block(ended, count) => is_last_without_fence(ended, count)
// wrong value: last part forgotten: k < gridDim.x => k < gridDim.x - 1
// wrong race: any block: if (ak::is_last_block(ended, count) && => if (
// wrong value: first block takes all: ak::is_last_block(ended, count) => blockIdx.x == 0 && gridDim.x == 1
constexpr int kThreads = 128;
__device__ bool is_last(unsigned* ended, unsigned* count) {
  if (threadIdx.x == 0) {
    __threadfence();
    count[0] = atomicAdd(ended, 1u);
    __threadfence();
  }
  __syncthreads();
  return count[0] == gridDim.x - 1;
}
__device__ bool is_last_without_fence(unsigned* ended, unsigned* count) {
  if (threadIdx.x == 0) count[0] = atomicAdd(ended, 1u);
  __syncthreads();
  return count[0] == gridDim.x - 1;
}
__global__ void planted(int n, float* total, const float* b, float* part, unsigned* ended) {
  __shared__ float room[ak::kRoom];
  __shared__ unsigned count[ak::kRoom];
  const int i = blockIdx.x * kThreads + threadIdx.x;
  const float sum = ak::block_reduce(i < n ? b[i] : 0.0f, ak::Add<float>(), room);
  if (threadIdx.x == 0) part[blockIdx.x] = sum;
  if (ak::is_last_block(ended, count) && threadIdx.x == 0) {
    float all = 0;
    for (unsigned k = 0; k < gridDim.x; ++k) all += part[k];
    *total = all;
  }
}
