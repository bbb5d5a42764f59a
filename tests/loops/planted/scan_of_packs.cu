// a[i] = a[i - 1] + b[i] of 1..n-1: a thread takes 16 bytes at once, tiles begin at aligned addresses, values and flags are words
// arguments: n, int a[n] = 0, const int b[n] = mixed, int words[4blocks] = zeroed, unsigned tickets[1] = zeroed
// launches: planted n
// right: of 32 threads: kThreads = 64 => kThreads = 32
// right: of 96 threads: kThreads = 64 => kThreads = 96
// right: values and flags in order: ak::before_tile( => before_in_order(
// wrong race: values and flags in no order: ak::before_tile( => before_in_no_order(
// wrong value: this tile alone: ak::before_tile(tile, mine.total, kOp, words, room) => 0
// wrong value: the warp's packs side by side: 4 * (32 * kPacks * ak::warp() + ak::lane()) => 4 * kPacks * threadIdx.x
// wrong misaligned: tiles from the first element on: int start = begin_of(tile, b) => int start = tile * kTile
// wrong bounds: whole tiles alone: start + kTile <= cols => start < cols
// wrong value: an element before the first: if (at < 0 || at >= cols) continue; => if (at >= cols) continue;
// wrong value: a lane of the pack: sum += at >= 0 && at < cols ? pack[u][lane] : 0 => sum += at > 0 && at < cols ? pack[u][lane] : 0
// wrong value: packs before this one: own[u] = carry + warp.before => own[u] = warp.before
constexpr int kThreads = 64, kPacks = 2, kItems = 8, kTile = kThreads * kItems;
__device__ int begin_of(unsigned tile, const int* b) {
  return static_cast<int>(tile * kTile) - 3 + static_cast<int>(ak::until_aligned16(b) + 3) % 4;
}
template <class Read, class Write>
__device__ int before_by(unsigned tile, int total, unsigned long long* words, int* room, Read read, Write write) {
  if (threadIdx.x == 0) {
    words[2 * tile + 1] = total;
    write(words + 2 * tile, 1);
  }
  int sum = 0;
  for (unsigned other = threadIdx.x; other < tile; other += blockDim.x) {
    ak::wait_until([&] { return read(words + 2 * other) != 0; });
    sum += static_cast<int>(words[2 * other + 1]);
  }
  return ak::block_reduce(sum, ak::Add<int>(), room);
}
__device__ int before_in_order(unsigned tile, int total, ak::Add<int>, unsigned long long* words, int* room) {
  return before_by(tile, total, words, room, [](unsigned long long* at) { return ak::load_acquire(at); },
                   [](unsigned long long* at, unsigned long long value) { ak::store_release(at, value); });
}
__device__ int before_in_no_order(unsigned tile, int total, ak::Add<int>, unsigned long long* words, int* room) {
  return before_by(tile, total, words, room, [](unsigned long long* at) { return ak::load_relaxed(at); },
                   [](unsigned long long* at, unsigned long long value) { ak::store_relaxed(at, value); });
}
__global__ void planted(int n, int* a, const int* b, unsigned long long* words, unsigned* tickets) {
  __shared__ int room[ak::kRoom];
  __shared__ unsigned number[ak::kRoom];
  const ak::Add<int> kOp;
  ++a, ++b;
  const int cols = n - 1;
  const unsigned tile = ak::take_ticket(tickets, number);
  const int start = begin_of(tile, b), first = start + 4 * (32 * kPacks * ak::warp() + ak::lane());
  const bool wide = start >= 0 && start + kTile <= cols;
  int pack[kPacks][4], own[kPacks], carry = 0;
  for (int u = 0; u < kPacks; ++u) {
    if (wide) ak::load16(pack[u], 0, b + first + 128 * u);
    int sum = 0;
    for (int lane = 0; lane < 4; ++lane) {
      const int at = first + 128 * u + lane;
      if (!wide && at >= 0 && at < cols) pack[u][lane] = b[at];
      sum += at >= 0 && at < cols ? pack[u][lane] : 0;
    }
    const ak::Scanned<int> warp = ak::warp_scan(sum, kOp);
    own[u] = carry + warp.before;
    carry += warp.total;
  }
  const ak::Scanned<int> mine = ak::across_warps(ak::Scanned<int>{0, carry}, kOp, room);
  const int before = ak::before_tile(tile, mine.total, kOp, words, room) + mine.before;
  for (int u = 0; u < kPacks; ++u) {
    int sum = before + own[u];
    for (int lane = 0; lane < 4; ++lane) {
      const int at = first + 128 * u + lane;
      if (at < 0 || at >= cols) continue;
      sum += pack[u][lane];
      pack[u][lane] = sum;
      if (!wide) a[at] = sum;
    }
    if (wide) ak::store16(a + first + 128 * u, pack[u], 0);
  }
}
