// GEMM for every layout, size and alignment on compute capability 8.0 and later: a ring of shared-memory stages, ldmatrix,
// mma.sync. Operands whose rows are aligned to 4 bytes or more arrive by cp.async; the rest as aligned 16-byte words that are
// shifted in registers on their way to shared memory, one tile ahead of the arithmetic.
//
// With schedule=cooperative the first CTAs copy every operand whose rows are not aligned to 16 bytes into aligned rows in the
// workspace, once, and the others then take it from there: the shift is paid once instead of once a tile.
//
// One CTA makes one tile_m x tile_n tile of D (of one slice of k when split_k > 1); warps_m x warps_n warps share it. Gated, a
// stage holds a tile of the up matrix after B's, and each warp multiplies by the same columns of both.

extern "C" __global__ void __launch_bounds__(ak::kThreads) ak_kernel(const __grid_constant__ ak::KernelArgs args) {
  using namespace ak;
  extern __shared__ __align__(1024) char shared[];
  const u32 ring = shared_address(shared);
  let_next_kernel_start();
  await_kernels_before();

  // Which tile: rows of tiles, or groups of AK_RASTER rows walked column by column, so that neighbours in time share L2.
  const int tiles_m = (args.m + AK_TILE_M - 1) / AK_TILE_M, tiles_n = (args.n + AK_TILE_N - 1) / AK_TILE_N;
  Work work;
  if (!take_work(args, tiles_m * tiles_n, work)) return;
  constexpr int group = AK_RASTER > 1 ? AK_RASTER : 1;
  const int first = work.tile / (group * tiles_n) * group, within = work.tile % (group * tiles_n);
  const int rows = tiles_m - first < group ? tiles_m - first : group;
  const int row0 = (first + within % rows) * AK_TILE_M, column0 = within / rows * AK_TILE_N;

  // Which part of k, in stages.
  int stage_begin = 0, stage_end = (args.k + AK_TILE_K - 1) / AK_TILE_K;
  if (AK_SPLIT_K > 1) {
    const int each = (stage_end + AK_SPLIT_K - 1) / AK_SPLIT_K;
    stage_begin = work.slice * each;
    stage_end = stage_end < stage_begin + each ? stage_end : stage_begin + each;
  }

  TileA a{static_cast<const char*>(args.a), args.lda * 2, row0, args.m, args.k};
  TileB b{static_cast<const char*>(args.b), args.ldb * 2, column0, args.n, args.k};
  TileB up{static_cast<const char*>(args.b2), args.ldb * 2, column0, args.n, args.k};
  if (kPackA) a.data = pack_of_a(args).to, a.pitch = pack_of_a(args).copy_pitch();
  if (kPackB) b.data = pack_of_b(args).to, b.pitch = pack_of_b(args).copy_pitch();
  if (kPackB && AK_GATED) up.data = pack_of_up(args).to, up.pitch = b.pitch;
  // Begin and finish of a stage's filling.
  const auto begin = [&](u32 stage, int k0) {
    a.begin(stage, k0), b.begin(stage + TileA::bytes, k0);
    if (AK_GATED) up.begin(stage + TileA::bytes + TileB::bytes, k0);
  };
  const auto finish = [&](u32 stage, int k0) {
    a.finish(stage, k0), b.finish(stage + TileA::bytes, k0);
    if (AK_GATED) up.finish(stage + TileA::bytes + TileB::bytes, k0);
  };

#pragma unroll 1
  for (int s = 0; s < AK_STAGES - 1; ++s) {
    const int k0 = (stage_begin + s) * AK_TILE_K;
    const u32 stage = ring + s * kStageBytes;
    if (stage_begin + s < stage_end) {
      begin(stage, k0);
      finish(stage, k0);
    }
    commit_copies();
  }

  Accumulators sum = {};
  Fragments fragments[2];
  await_copies<AK_STAGES - 2>();
  __syncthreads();
  load_fragments(fragments[0], ring, 0);

  int read_slot = 0, write_slot = AK_STAGES - 1;
#pragma unroll 1
  for (int t = stage_begin; t < stage_end; ++t) {
    const int ahead = t + AK_STAGES - 1;
    const u32 to = ring + write_slot * kStageBytes;
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (step == 0) {
        // The slot being filled was read in the previous round, which every thread has left.
        if (ahead < stage_end) begin(to, ahead * AK_TILE_K);
        commit_copies();
      }
      if (step == kSteps - 1) {
        if (ahead < stage_end) finish(to, ahead * AK_TILE_K);
        await_copies<AK_STAGES - 2>();
        __syncthreads();
        write_slot = read_slot;
        read_slot = read_slot + 1 == AK_STAGES ? 0 : read_slot + 1;
      }
      load_fragments(fragments[(step + 1) % 2], ring + read_slot * kStageBytes, (step + 1) % kSteps);
      const Fragments& f = fragments[step % 2];
#pragma unroll
      for (int i = 0; i < kBlocksM; ++i)
#pragma unroll
        for (int j = 0; j < kBlocksN; ++j) mma<AK_IN>(sum[i][j], f.a[i], f.b[j / 2][j % 2 * 2], f.b[j / 2][j % 2 * 2 + 1]);
    }
  }
  await_copies<0>();

  if (!reduce_slices(args, work, sum)) return;
  if (AK_STORE == 1)
    store_shared_rows(args, sum, shared, row0, column0);
  else
    store_direct(args, sum, row0, column0);
}
