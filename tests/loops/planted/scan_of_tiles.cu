// a[i] = max(b[0], ..., b[i]), with the library's own look-back
// arguments: n, int a[n] = 0, const int b[n] = negative, unsigned flag[blocks] = zeroed, int values[2blocks] = scratch, unsigned tickets[1] = zeroed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 32 threads: kThreads = 128 => kThreads = 32
// right: of 96 threads: kThreads = 128 => kThreads = 96
// wrong value: identity 0: const ak::Max<int> kOp => const FromZero kOp
// wrong value: the value itself left out: kOp(kOp(before, mine.before), value) => kOp(before, mine.before)
// wrong value: only this tile: kOp(kOp(before, mine.before), value) => kOp(mine.before, value)
// wrong race: room used twice at once: ak::block_scan(value, kOp, room) => ak::block_scan(value, kOp, reinterpret_cast<int*>(&tile))
constexpr int kThreads = 128;
struct FromZero : ak::Max<int> {
  __device__ int identity() const { return 0; }
};
__global__ void planted(int n, int* a, const int* b, unsigned* flag, int* values, unsigned* tickets) {
  __shared__ int room[ak::kRoom];
  __shared__ unsigned number[ak::kRoom];
  const ak::Max<int> kOp;
  __shared__ unsigned tile;
  const unsigned ticket = ak::take_ticket(tickets, number);
  if (threadIdx.x == 0) tile = ticket;
  __syncthreads();
  const int i = tile * kThreads + threadIdx.x;
  const int value = i < n ? b[i] : kOp.identity();
  const ak::Scanned<int> mine = ak::block_scan(value, kOp, room);
  const int before = ak::before_tile(ticket, mine.total, kOp, flag, values, room);
  if (i < n) a[i] = kOp(kOp(before, mine.before), value);
}
