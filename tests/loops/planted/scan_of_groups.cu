// a[i] = a[i - 1] + b[i] with a[-1] = 0: tiles look back in two steps, at those of their group and at the sums of groups before
// arguments: n, int a[n] = 0, const int b[n] = mixed, int total[blocks] = scratch, int sum[blocks] = scratch, unsigned flag[blocks] = zeroed, unsigned tickets[1] = zeroed
// launches: planted n
// right: groups of three: kGroup = 4 => kGroup = 3
// right: groups of one: kGroup = 4 => kGroup = 1
// right: of 64 threads: kThreads = 32 => kThreads = 64
// wrong value: a group's sum lacks its last tile: sum[tile] = within + mine => sum[tile] = within
// wrong value: a group's sum is its last tile's: sum[tile] = within + mine => sum[tile] = mine
// wrong value: the groups before are forgotten: return within + before => return within
// wrong value: the group before is left out: group < tile / kGroup => group + 1 < tile / kGroup
// wrong race: a sum that is not there yet: wait(flag + last, 2u) => wait(flag + last, 1u)
// wrong race: the flag before the sum: sum[tile] = within + mine;\n    ak::store_release(flag + tile, 2u); => ak::store_release(flag + tile, 2u);\n    sum[tile] = within + mine;
// wrong race: a total without a wait: wait(flag + other, 1u); =>
// wrong race: the flag before the total: total[tile] = mine;\n  ak::store_release(flag + tile, 1u); => ak::store_release(flag + tile, 1u);\n  total[tile] = mine;
// wrong value: the sum of its own group too: group < tile / kGroup => group <= tile / kGroup
constexpr int kThreads = 32, kGroup = 4;
__device__ void wait(unsigned* flag, unsigned least) {
  ak::wait_until([=] { return ak::load_acquire(flag) >= least; });
}
__device__ int before(int tile, int mine, int* total, int* sum, unsigned* flag) {
  total[tile] = mine;
  ak::store_release(flag + tile, 1u);
  int within = 0, before = 0;
  for (int other = tile / kGroup * kGroup; other < tile; ++other) {
    wait(flag + other, 1u);
    within += total[other];
  }
  if (tile % kGroup == kGroup - 1) {
    sum[tile] = within + mine;
    ak::store_release(flag + tile, 2u);
  }
  for (int group = 0; group < tile / kGroup; ++group) {
    const int last = group * kGroup + kGroup - 1;
    wait(flag + last, 2u);
    before += sum[last];
  }
  return within + before;
}
__global__ void planted(int n, int* a, const int* b, int* total, int* sum, unsigned* flag, unsigned* tickets) {
  __shared__ int room[ak::kRoom];
  __shared__ unsigned number[ak::kRoom];
  const int tile = static_cast<int>(ak::take_ticket(tickets, number)), i = tile * kThreads + threadIdx.x;
  const int value = i < n ? b[i] : 0;
  const ak::Scanned<int> mine = ak::block_scan(value, ak::Add<int>(), room);
  const int first = threadIdx.x == 0 ? before(tile, mine.total, total, sum, flag) : 0;
  const int all = ak::block_broadcast(first, 0, room) + mine.before + value;
  if (i < n) a[i] = all;
}
