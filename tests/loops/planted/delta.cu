// previous = 5; a[i] = here - previous, previous = here, which is a[i] as it was: a tile takes the last one of the tile before
// arguments: n, int a[n] = mixed, unsigned tickets[1] = zeroed, unsigned flags[blocks] = zeroed, int tiles[4blocks] = scratch
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: of 256 threads: kThreads = 128 => kThreads = 256
// wrong race: from the array itself: before.set ? before.value[0] : 5 => i ? a[i - 1] : 5
// wrong value: first of every tile: ak::before_tile(tile, mine.total, op, flags, ak::as<ak::Held<int>>(tiles), room) => op.identity()
// wrong value: first of every warp: mine.before => ak::warp_scan(step, op).before
// wrong value: of what is not there too: if (i < n) step = {a[i], 1}; => if (i < n) step = {a[i], i % 32 != 31};
constexpr int kThreads = 128;
__global__ void planted(int n, int* a, unsigned* tickets, unsigned* flags, int* tiles) {
  __shared__ ak::Held<int> room[ak::kRoom];
  __shared__ unsigned ticket[ak::kRoom];
  const unsigned tile = ak::take_ticket(tickets, ticket);
  const int i = tile * kThreads + threadIdx.x;
  const ak::Hold<int> op;
  ak::Held<int> step = op.identity();
  if (i < n) step = {a[i], 1};
  const ak::Scanned<ak::Held<int>> mine = ak::block_scan(step, op, room);
  const ak::Held<int> before = op(ak::before_tile(tile, mine.total, op, flags, ak::as<ak::Held<int>>(tiles), room), mine.before);
  if (i < n) a[i] = step.value[0] - (before.set ? before.value[0] : 5);
}
