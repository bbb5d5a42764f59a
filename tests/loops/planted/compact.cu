// k = 0; if (b[i] > 0) a[k++] = b[i]; in order
// arguments: n, int count[1] = 0, float a[n] = 0, const float b[n] = mixed
// launches: planted 1
// right: of 64 threads: kThreads = 256 => kThreads = 64
// right: of 1024 threads: kThreads = 256 => kThreads = 1024
// wrong value: order of the atomics: kept + rank.before => atomicAdd(&next, 1)
// wrong value: >= for >: b[i] > 0 => b[i] >= 0
// wrong race: rank of the warp alone: ak::block_rank(keep, room) => ak::warp_rank(keep)
// wrong bounds: rank from 1, written past the end: kept + rank.before => kept + rank.before + n
// wrong value: rank from 1: a[kept + rank.before] => a[min(n - 1, kept + (int)rank.before + 1)]
// wrong value: tail counted: i < n && b[i] > 0 => i < n - 1 && b[i] > 0
// wrong value: count of the last round: kept += rank.total => kept = rank.total
constexpr int kThreads = 256;
__global__ void planted(int n, int* count, float* a, const float* b) {
  __shared__ unsigned room[ak::kRoom];
  __shared__ int next;
  if (threadIdx.x == 0) next = 0;
  __syncthreads();
  int kept = 0;
  for (int first = 0; first < n; first += kThreads) {
    const int i = first + threadIdx.x;
    const bool keep = i < n && b[i] > 0;
    const ak::Scanned<unsigned> rank = ak::block_rank(keep, room);
    if (keep) a[kept + rank.before] = b[i];
    kept += rank.total;
  }
  if (threadIdx.x == 0) *count = kept;
}
