// a[i] = b[i - 1] + b[i] + b[i + 1] of 1..n-2, 16 bytes at once from the first aligned address on, two packs in flight
// arguments: n, float a[n] = 0, const float b[n] = mixed
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: a pack at a time: kPacks = 2 => kPacks = 1
// wrong misaligned: packs from the first element on: const int lead = until_aligned(a, cols) => const int lead = 0
// wrong value: what lies before the first pack: c < lead; => c < 0;
// wrong value: what lies behind the last pack: c < cols; => c < lead + 4 * packs;
// wrong bounds: a pack that is not whole: (cols - lead) / 4 => (cols - lead + 3) / 4
// wrong value: neighbours not shifted: near[u][lane + 2] => near[u][lane + 1]
// wrong value: the pack beside it from the wrong end: near[u][0] = b[c - 1] => near[u][0] = b[c + 3]
// wrong race: packs of two threads: return p + u * all => return p + u
// wrong value: the first pack alone is stored: ak::store16(a + c, out, 0) => if (u == 0) ak::store16(a + c, out, 0)
constexpr int kThreads = 128, kPacks = 2, kItems = 8;
__device__ int until_aligned(const float* a, int cols) { return cols < 8 ? 0 : ak::until_aligned16(a); }
__device__ void one(float* a, const float* b, int c) { a[c] = b[c - 1] + b[c] + b[c + 1]; }
__device__ int pack_of(int p, int u, int all) { return p + u * all; }
__global__ void planted(int n, float* __restrict__ a, const float* __restrict__ b) {
  ++a, ++b;
  const int cols = n - 2, mine = blockIdx.x * kThreads + threadIdx.x, all = gridDim.x * kThreads;
  const int lead = until_aligned(a, cols);
  const int packs = cols < 8 ? 0 : (cols - lead) / 4;  // both arrays lie alike
  for (int c = mine; c < lead; c += all) one(a, b, c);
  for (int p = mine; p < packs; p += kPacks * all) {
    float near[kPacks][6];
#pragma unroll
    for (int u = 0; u < kPacks; ++u) {
      const int c = lead + 4 * pack_of(p, u, all);
      if (c + 4 > lead + 4 * packs) break;
      near[u][0] = b[c - 1];
      ak::load16(near[u], 1, b + c);
      near[u][5] = b[c + 4];
    }
#pragma unroll
    for (int u = 0; u < kPacks; ++u) {
      const int c = lead + 4 * pack_of(p, u, all);
      if (c + 4 > lead + 4 * packs) break;
      float out[4];
      for (int lane = 0; lane < 4; ++lane) out[lane] = near[u][lane] + near[u][lane + 1] + near[u][lane + 2];
      ak::store16(a + c, out, 0);
    }
  }
  for (int c = lead + 4 * packs + mine; c < cols; c += all) one(a, b, c);
}
