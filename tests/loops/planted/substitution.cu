// x[i] = (b[i] + sum over j < i of x[j]) % 101 for i < 48: one block, which joins a row's terms, a row after the other
// arguments: n, const int b[n] = mixed, int x[n] = mixed
// launches: planted 1
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: every thread has the total: if (threadIdx.x == 0) x[i] => if (threadIdx.x == 33) x[i]
// right: a barrier before a row too: int mine = 0; => int mine = 0;\n    __syncthreads();
// wrong race: no barrier after a row: \n    __syncthreads();  // the next row reads x[i] =>
// wrong value: each warp joins its own: ak::block_reduce(mine, ak::Add<int>(), room) => ak::warp_reduce(mine, ak::Add<int>())
// wrong value: the row's own x: j < i => j <= i
// wrong value: a term less: j = threadIdx.x => j = threadIdx.x + 1
// wrong race: all threads write: if (threadIdx.x == 0) x[i] => x[i]
constexpr int kThreads = 128;
__global__ void planted(int n, const int* b, int* x) {
  __shared__ int room[ak::kRoom];
  for (int i = 0; i < n && i < 48; ++i) {
    int mine = 0;
    for (int j = threadIdx.x; j < i; j += kThreads) mine += x[j];
    mine = ak::block_reduce(mine, ak::Add<int>(), room);
    if (threadIdx.x == 0) x[i] = (b[i] + mine) % 101;
    __syncthreads();  // the next row reads x[i]
  }
}
