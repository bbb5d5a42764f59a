// count[at[i] % 16] += 1: a block gathers in shared memory, its threads take 16 bytes at once from the first aligned address on
// arguments: n, int count[16] = 0, const int at[n] = duplicates
// launches: planted n
// right: of 32 threads: kThreads = 64 => kThreads = 32
// right: of 128 threads: kThreads = 64 => kThreads = 128
// wrong value: what lies before the first pack: c < lead; => c < 0;
// wrong value: what lies behind the last pack: c < rest; => c < lead + 4 * packs;
// wrong value: the rest begins with the last pack: c = lead + 4 * packs + mine => c = lead + 4 * packs - 4 + mine
// wrong bounds: a pack that is not whole: (rest - lead) / 4 => (rest - lead + 3) / 4
// wrong misaligned: packs from the first element on: rest < 8 ? 0 : static_cast<int>(ak::until_aligned16(at)) => 0
// wrong unset: a share that is not cleared: k < 16; k += kThreads) share[k] = 0 => k < 15; k += kThreads) share[k] = 0
// wrong race: rows before the share is cleared: share[k] = 0;\n  __syncthreads(); => share[k] = 0;
// wrong race: handed over before all have counted: __syncthreads();  // all have counted => // all have counted
// wrong race: a share without an atomic: atomicAdd(share + k % 16, 1); => share[k % 16] += 1;
// wrong value: only the first warp hands over: if (share[k] != 0) => if (share[k] != 0 && k < 8)
// wrong value: handed over by the first block alone: if (share[k] != 0) => if (share[k] != 0 && blockIdx.x == 0)
constexpr int kThreads = 64, kItems = 8;
__device__ void one(int* share, int k) { atomicAdd(share + k % 16, 1); }
__global__ void planted(int n, int* count, const int* at) {
  __shared__ int share[16];
  ++at;  // so that packs begin somewhere
  const int rest = n - 1, mine = blockIdx.x * kThreads + threadIdx.x, all = gridDim.x * kThreads;
  for (int k = threadIdx.x; k < 16; k += kThreads) share[k] = 0;
  __syncthreads();
  const int lead = rest < 8 ? 0 : static_cast<int>(ak::until_aligned16(at));
  const int packs = rest < 8 ? 0 : (rest - lead) / 4;
  for (int c = mine; c < lead; c += all) one(share, at[c]);
  for (int p = mine; p < packs; p += all) {
    int four[4];
    ak::load16(four, 0, at + lead + 4 * p);
    for (int lane = 0; lane < 4; ++lane) one(share, four[lane]);
  }
  for (int c = lead + 4 * packs + mine; c < rest; c += all) one(share, at[c]);
  if (mine == 0) one(share, at[-1]);
  __syncthreads();  // all have counted
  for (int k = threadIdx.x; k < 16; k += kThreads)
    if (share[k] != 0) atomicAdd(count + k, share[k]);
}
