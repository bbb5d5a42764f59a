// sm90: persistent, warp-specialised GEMM for Hopper. One producer thread fills a ring of shared-memory stages by TMA;
// consumer warpgroups multiply by wgmma and finish their tiles while the producer already loads the next.

namespace ak::sm90 {

// One operand's part of a stage, box by box: load(where in it, x, y). CTAs of the cluster that need the same data load a slice
// of it each for all. Contiguous along k: 64-k columns of `extent` rows, sliced by rows. Else: 64-wide chunks of all k, sliced by
// k. The rows of `stack` matrices lie one after the other.
template <bool major_k, int extent, int stack, class Load>
__device__ __forceinline__ void each_box(int origin, int k, int slice, int slice_rows, Load load) {
  constexpr int boxes = major_k ? kDepth / 64 : padded(extent, false) / 64;
  constexpr int box_bytes = (major_k ? stack * extent : kDepth) * kChunk;
#pragma unroll
  for (int box = 0; box < boxes; ++box)
    load(box * box_bytes + slice * slice_rows * kChunk, (major_k ? k : origin) + 64 * box,
         (major_k ? origin : k) + slice * slice_rows);
}
template <bool is_tail, class Load>
__device__ __forceinline__ void each_left_box(const Work& work, const Work::Tile& tile, int stage, Load load) {
  const int rows = is_tail && !kSwap ? work.tail_rows : (kLeftMajorK ? kRows : kDepth) / kClusterColumns;
  each_box<kLeftMajorK, kRows, kLeftStack>(tile.row, stage * kDepth, work.column_rank, rows, load);
}
template <bool is_tail, class Load>
__device__ __forceinline__ void each_right_box(const Work& work, const Work::Tile& tile, int stage, Load load) {
  const int rows = is_tail && kSwap ? work.tail_rows : (kRightMajorK ? kColumns : kDepth) / kClusterRows;
  each_box<kRightMajorK, kColumns, kRightStack>(tile.column, stage * kDepth, work.row_rank, rows, load);
}

constexpr u64 kEvictNormal = 0x1000000000000000, kEvictFirst = 0x12F0000000000000, kEvictLast = 0x14F0000000000000;

// overlap 2 and 3: what half of the ring will hold first goes into L2 while the kernels before this one still run. It does not
// matter that they may write it: L2 is where all SMs meet. Clusters that need the same data take turns, for a request costs
// what a load does; more than half delays the first loads, which come after it.
template <bool is_tail>
__device__ __forceinline__ void fetch_first(const Work& work, const Work::Tile& tile, const TensorMap& left,
                                            const TensorMap& right, const TensorMap& up) {
  const int stages = min(work.k_end - work.k_begin, (kStages + 1) / 2);
#pragma unroll 1
  for (int i = tile.column / (kColumns * kClusterColumns); i < stages; i += work.tiles_across)
    each_left_box<is_tail>(work, tile, work.k_begin + i, [&](u32, int x, int y) {
      tma_fetch(left, x, y);
      if constexpr (kLeftStack > 1) tma_fetch(up, x, y);
    });
#pragma unroll 1
  for (int i = tile.row / (kRows * kClusterRows); i < stages; i += work.tiles_down)
    each_right_box<is_tail>(work, tile, work.k_begin + i, [&](u32, int x, int y) {
      tma_fetch(right, x, y);
      if constexpr (kRightStack > 1) tma_fetch(up, x, y);
    });
}

template <int sharers>
__device__ __forceinline__ void load_box(u32 to, const TensorMap& map, u32 barrier, int x, int y, u64 policy, u16 ctas) {
  if constexpr (sharers > 1)
    tma_load_multicast(to, map, barrier, x, y, policy, ctas);
  else
    tma_load(to, map, barrier, x, y, policy);
}

// One tile's stages.
template <bool is_tail>
__device__ __forceinline__ void load_tile(const Work& work, const Work::Tile& tile, Ring& ring, const TensorMap& left,
                                          const TensorMap& right, const TensorMap& up) {
  constexpr int up_at = (kSwap          ? kLeftMajorK ? kRows : kRows / 64 * kDepth
                         : kRightMajorK ? kColumns
                                        : kColumns / 64 * kDepth) *
                        kChunk;
  // CTAs that share rows share the left operand, those that share columns the right one.
  u16 left_ctas = 0, right_ctas = 0;
  for (int i = 0; i < kClusterColumns; ++i) left_ctas |= 1 << (work.row_rank + i * kClusterRows);
  for (int i = 0; i < kClusterRows; ++i) right_ctas |= 1 << (i + work.column_rank * kClusterRows);
  const u32 bytes = kStageBytes - (is_tail ? (kTileTokens - work.tail_rows * kTokenSlices) * kDepth * 2 : 0);
  for (int i = work.k_begin; i < work.k_end; ++i, ring.next()) {
    barrier_wait(ring.empty(), ring.parity ^ 1);
    barrier_expect(ring.full(), bytes);
    const auto load_left = [&](u32 to, const TensorMap& map) {
      each_left_box<is_tail>(work, tile, i, [&](u32 at, int x, int y) {
        load_box<kClusterColumns>(to + at, map, ring.full(), x, y, kSwap ? kEvictFirst : kEvictNormal, left_ctas);
      });
    };
    const auto load_right = [&](u32 to, const TensorMap& map) {
      each_right_box<is_tail>(work, tile, i, [&](u32 at, int x, int y) {
        load_box<kClusterRows>(to + at, map, ring.full(), x, y, kSwap ? kEvictLast : kEvictNormal, right_ctas);
      });
    };
    load_left(ring.left(), left);
    if constexpr (kLeftStack > 1) load_left(ring.left() + up_at, up);
    load_right(ring.right(), right);
    if constexpr (kRightStack > 1) load_right(ring.right() + up_at, up);
  }
}

__device__ __forceinline__ void produce(const Work& work, Ring ring, const TensorMap& left, const TensorMap& right,
                                        const TensorMap& up, const TensorMap& tail) {
  for (u32 index = work.first; index < work.count; index += work.step) {
    const Work::Tile tile = work.tile(index);
    if (work.is_tail(tile))
      load_tile<true>(work, tile, ring, kSwap ? left : tail, kSwap ? tail : right, up);
    else
      load_tile<false>(work, tile, ring, left, right, up);
  }
  if (AK_OVERLAP == 3) let_next_kernel_start();
  // No CTA leaves while another may still tell it that it has read a stage.
  if constexpr (kPeers > 1)
    for (int s = 0; s < kStages; ++s, ring.next()) barrier_wait(ring.empty(), ring.parity ^ 1);
}

// A warp has read a stage: tell every CTA whose producer may write it, which are those of its row and column of the cluster.
__device__ __forceinline__ void release(const Work& work, u32 empty) {
  const int lane = threadIdx.x % 32;
  if constexpr (kCluster > kSplit) {
    const int above = lane - kClusterRows, column = above + (above >= work.column_rank);
    const int peer = above < 0 ? work.column_rank * kClusterRows + lane : column * kClusterRows + work.row_rank;
    barrier_arrive_at(empty, lane < kPeers ? peer : kCluster, kCluster);
  } else {
    if (lane == 0) barrier_arrive(empty);
  }
}

// acc = left . right over the CTA's part of k. One group of wgmmas stays in flight, so a stage is released one step late.
__device__ __forceinline__ void multiply(const Work& work, Ring& ring, int first_block, Accumulators& acc) {
  constexpr int block_bytes = (kLeftMajorK ? 64 : kDepth) * kChunk;
  u32 keep = kStartFromC, previous = 0;
  if constexpr (kSplit > 1) {  // the last slices may be empty
    keep = 1;
#pragma unroll
    for (auto& block : acc)
#pragma unroll
      for (float& v : block) v = 0.0f;
  }
#pragma unroll 1
  for (int i = work.k_begin; i < work.k_end; ++i, ring.next()) {
    barrier_wait(ring.full(), ring.parity);
    if constexpr (kCopies) async_proxy_fence();
    const u64 left = wgmma_descriptor(ring.left() + first_block * block_bytes, kDepth * kChunk);
    const u64 right = wgmma_descriptor(ring.right(), kDepth * kChunk);
    wgmma_fence();
#pragma unroll
    for (int step = 0; step < kDepth / 16; ++step) {
      const u32 left_at = kLeftMajorK ? step / 4 * kLeftRows * kChunk + step % 4 * 32 : step * 16 * kChunk;
      const u32 right_at = kRightMajorK ? step / 4 * kWidth * kChunk + step % 4 * 32 : step * 16 * kChunk;
#pragma unroll
      for (int block = 0; block < kLeftBlocks; ++block) {
        const u32 block_at = block / kBlocks * (kRows / 64) + block % kBlocks;  // the up projection's follow all of the gate's
        wgmma<!kLeftMajorK, !kRightMajorK>(acc[block], left + ((left_at + block_at * block_bytes) >> 4),
                                           right + (right_at >> 4), keep);
      }
      keep = 1;
    }
    wgmma_commit();
    if (i > work.k_begin) {
      wgmma_wait<1>();
      release(work, previous);
    }
    previous = ring.empty();
  }
}

__device__ __forceinline__ void consume(const KernelArgs& args, const Work& work, const Maps& maps, Ring ring) {
  const int group = threadIdx.x / 128, warp = threadIdx.x / 32;
  const u32 staging = ring.base + kStagingAt + warp * kStagingBytes, column_terms = ring.base + kTermsAt + group * kTermsBytes;
  const int first_block = kPingpong ? 0 : group * kBlocks;
  const int depth = work.k_end - work.k_begin;
  const u32 stride = kPingpong ? 2 * work.step : work.step;
  u32 index = work.first;
  if (kPingpong && group == 1) {
    index += work.step;
    ring.skip(depth);
  }
  for (; index < work.count; index += stride) {
    const Work::Tile tile = work.tile(index);
    const int row = tile.row + 64 * first_block;
    RowTerms row_terms[kBlocks];
    if (kTermsOnColumns) stage_column_terms(args, work, column_terms, tile.column);
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
      row_terms[block].load(args, work, row + 64 * block + 16 * (warp % 4) + threadIdx.x % 32 / 4);
    Accumulators acc;
    if constexpr (kStartFromC) start_from_c(args, work, row, tile.column, acc);
    // Pingpong: warpgroup g multiplies when barrier 1 + g says that the tile before has issued its last wgmma.
    if (kPingpong && index != work.first) named_sync(1 + group, 256);
    multiply(work, ring, first_block, acc);
    if (kPingpong && index + work.step < work.count) named_arrive(2 - group, 256);
    wgmma_wait<0>();
#pragma unroll
    for (auto& block : acc) wgmma_settle(block);
    if (kSplit == 1)
      release(work, ring.empty(ring.slot == 0 ? kStages - 1 : ring.slot - 1));  // with split_k nobody waits for it
    const Result result{args, work, column_terms, row_terms, row, tile.column, acc};
    if constexpr (kSplit > 1) {
      cluster_wait();  // every CTA has told its barriers what to expect
      send_pieces<0>(work, ring, acc);
      store_part<0>(work, ring, result, acc, maps, staging);
    } else if constexpr (AK_STORE == 2) {
      store_result_runs(result, staging);
    } else {
      store_result<0, kQuads>(result, maps, staging);
    }
    if (kPingpong) ring.skip(depth);
    if (AK_STORE == 1 && index + stride >= work.count) tma_store_wait<0>();
  }
  // Nothing may follow the loop here: ptxas would fit it, and with it the loop, into the registers from before setmaxnreg.
}

}  // namespace ak::sm90

extern "C" __global__ void __launch_bounds__(ak::sm90::kThreads, 1)
    ak_kernel(const __grid_constant__ ak::KernelArgs args, const __grid_constant__ ak::TensorMap map_a,
              const __grid_constant__ ak::TensorMap map_b
#if AK_GATED
              ,
              const __grid_constant__ ak::TensorMap map_up
#endif
#if AK_A_MAJOR_K && AK_ALIGN_A >= 16 && AK_LOAD != 1
              ,
              const __grid_constant__ ak::TensorMap map_tail
#endif
#if AK_STORE == 1
              ,
              const __grid_constant__ ak::TensorMap map_d
#if AK_AUX
              ,
              const __grid_constant__ ak::TensorMap map_aux
#endif
#endif
    ) {
  using namespace ak;
  using namespace ak::sm90;
  extern __shared__ __align__(1024) unsigned char shared[];
  const ak::TensorMap& left = kSwap ? map_b : map_a;
  const ak::TensorMap& right = kSwap ? map_a : map_b;
  // Of maps that this kernel has not been given, nothing is used.
#if !AK_GATED
  const ak::TensorMap& map_up = map_a;
#endif
#if !(AK_A_MAJOR_K && AK_ALIGN_A >= 16 && AK_LOAD != 1)
  const ak::TensorMap& map_tail = map_a;
#endif
#if AK_STORE != 1
  const ak::TensorMap& map_d = map_a;
#endif
#if AK_STORE != 1 || !AK_AUX
  const ak::TensorMap& map_aux = map_a;
#endif
  Ring ring{smem_address(shared)};
  const u32 rank = kCluster > 1 ? cluster_rank() : 0;
  const Work work(args, rank);
  if (AK_OVERLAP == 1) let_next_kernel_start();

  const bool producer = threadIdx.x / 32 == kConsumerThreads / 32;
  if (threadIdx.x == 0) {
    if (ring.base % 1024) __trap();
    for (int s = 0; s < kStages; ++s) {
      barrier_init(ring.full(s), kCopies ? 8 : 1);  // warps, or the copy engine
      // Every consumer warp of every CTA that this stage's data came from or went to.
      barrier_init(ring.empty(s), (kPingpong ? 4 : kConsumers * 4) * kPeers);
    }
    if constexpr (kSplit > 1) expect_pieces(work, ring);
    barrier_init_fence();
  }
  if constexpr (kPackA || kPackB) {
    await_kernels_before();
    pack_operands(args, reinterpret_cast<u32*>(shared));
  }
  // Before a load for others, and before what split_k sends, every CTA's barriers are ready.
  if constexpr (kCluster > 1) cluster_arrive();
  if constexpr (kCluster > kSplit)
    cluster_wait();
  else
    __syncthreads();
  if constexpr (AK_OVERLAP >= 2) {  // by a warp that has nothing else to do
    if (threadIdx.x / 32 == (kConsumers == 1 ? 0 : kConsumerThreads / 32 + 1) && elect_lane()) {
      const Work::Tile tile = work.tile(work.first);
      if (work.is_tail(tile))
        fetch_first<true>(work, tile, kSwap ? left : map_tail, kSwap ? map_tail : right, map_up);
      else
        fetch_first<false>(work, tile, left, right, map_up);
    }
    __syncwarp();
  }
  await_kernels_before();

  if (threadIdx.x >= kConsumerThreads) {
    if constexpr (kMoveRegisters) registers_down<kProducerRegisters>();
    if constexpr (kCopies)
      produce_copies(args, work, ring);
    else if (producer && elect_lane())
      produce(work, ring, left, right, map_up, map_tail);
    __syncwarp();
    if constexpr (kSplit > 1) cluster_wait();  // every arrival has its wait; consumers have theirs before they send
  } else {
    if constexpr (kMoveRegisters) registers_up<kConsumerRegisters>();
    consume(args, work, {map_d, map_aux}, ring);
  }
}
