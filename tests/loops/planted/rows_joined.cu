// sum[r] = b[8 i + r] + ... of eight rows, in one launch: a block leaves a part of every row, the one that ends last joins them
// arguments: n, int sum[8] = 0, const int b[8n] = mixed, int part[8blocks] = scratch, unsigned ended[1] = zeroed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// right: blocks in turn: int block = 0; block < static_cast<int>(gridDim.x); ++block => int block = gridDim.x - 1; block >= 0; --block
// wrong race: counted before all have left their parts: __syncthreads();  // all parts are there => // all parts are there
// wrong race: no fence: __threadfence();  // and seen => // and seen
// wrong race: joined by any block: if (!last) return; => if (threadIdx.x > 8) return;
// wrong race: the last one is not waited for: __syncthreads();  // it is known who is last => // it is known who is last
// wrong value: parts of one row for all: 8 * block + row] => 8 * block]
// wrong value: a part forgotten: int block = 0; block => int block = 1; block
// wrong value: the block before the last joins: before == gridDim.x - 1 => before == gridDim.x - 2
// wrong value: a row is left: row < 8; row += => row < 7; row +=
constexpr int kThreads = 128;
__global__ void planted(int n, int* sum, const int* b, int* part, unsigned* ended) {
  __shared__ int room[ak::kRoom];
  __shared__ bool last;
  const int i = blockIdx.x * kThreads + threadIdx.x;
  int mine = 0;
  for (int row = 0; row < 8; ++row) {
    const int all = ak::block_reduce(i < n ? b[8 * i + row] : 0, ak::Add<int>(), room);
    if (threadIdx.x == row) mine = all;
  }
  if (threadIdx.x < 8) {
    part[8 * blockIdx.x + threadIdx.x] = mine;
    __threadfence();  // and seen
  }
  __syncthreads();  // all parts are there
  if (threadIdx.x == 0) {
    const unsigned before = atomicAdd(ended, 1u);
    __threadfence();
    last = before == gridDim.x - 1;
  }
  __syncthreads();  // it is known who is last
  if (!last) return;
  for (int row = threadIdx.x; row < 8; row += kThreads) {
    int all = 0;
    for (int block = 0; block < static_cast<int>(gridDim.x); ++block) all += part[8 * block + row];
    sum[row] += all;
  }
}
