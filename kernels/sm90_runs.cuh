// sm90: store 2, whole runs of D's rows at any alignment. A strip of the tile is brought to D's order in shared memory; from
// there its rows leave as the aligned 16-byte pieces of D that they cover, shifted into place in registers, and by
// elements what is left at both ends, where they border on other tiles. aux goes straight from registers.
#pragma once

namespace ak::sm90 {

__device__ __forceinline__ void load_shared(Words4& v, u32 from) {
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3])
               : "r"(from)
               : "memory");
}
__device__ __forceinline__ void load_shared(u16& v, u32 from) {
  asm volatile("ld.shared.u16 %0, [%1];" : "=h"(v) : "r"(from) : "memory");
}
__device__ __forceinline__ void load_shared(float& v, u32 from) {
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(from) : "memory");
}

// `count` rows of D from shared memory, `elements` of each, the first at `first`. Loads are never skipped, stores are: so the
// loads of a batch are in flight together.
__device__ __forceinline__ void store_runs(const KernelArgs& args, u32 strip, Out* first, int count, int elements) {
  constexpr int threads = kSwap ? 128 : 32, most = kSwap ? kRunColumns : 16;                     // rows
  constexpr int room = kAccumulators > 176 ? 1 : kAccumulators > 96 || kConsumers == 3 ? 2 : 4;  // of registers, for a batch
  const int thread = threadIdx.x % threads, bytes = elements * kOutBytes;
  const auto row_at = [&](int run) { return reinterpret_cast<char*>(first + run * args.ldd); };
  // Bytes of a row before its first aligned piece.
  const auto head = [&](const char* row) {
    return AK_ALIGN_D < 16 ? static_cast<int>(-reinterpret_cast<u64>(row) & (16 - AK_ALIGN_D)) : 0;
  };
  constexpr int pieces = kRunElements * kOutBytes / 16, rounds = (most * pieces + threads - 1) / threads;
  constexpr int batch = rounds < room ? rounds : room;
#pragma unroll 1
  for (int i0 = thread; i0 < most * pieces; i0 += batch * threads) {
    Words4 piece[batch];
    char* to[batch];
#pragma unroll
    for (int b = 0; b < batch; ++b) {
      const int i = i0 + b * threads, run = min(i / pieces, most - 1);
      char* row = row_at(run);
      const int at = head(row) + i % pieces * 16;
      const u32 from = strip + run * kRunPitch + (at & ~15);
      load_shared(piece[b], from);
      if constexpr (AK_ALIGN_D < 16) {
        Words4 next;
        load_shared(next, from + 16);
        piece[b] = shift_words(piece[b], next, at & (16 - AK_ALIGN_D));
      }
      to[b] = i / pieces < count && at + 16 <= bytes ? row + at : nullptr;
    }
#pragma unroll
    for (int b = 0; b < batch; ++b)
      if (to[b]) *reinterpret_cast<uint4*>(to[b]) = make_uint4(piece[b].w[0], piece[b].w[1], piece[b].w[2], piece[b].w[3]);
  }
  // What is left at both ends of a row: together one piece at most, or at D's edge two.
  constexpr int ends = 16 / kOutBytes, end_rounds = (most * ends + threads - 1) / threads,
                end_batch = end_rounds < room ? end_rounds : room;
  if (AK_ALIGN_D == 16 && bytes % 16 == 0) return;
  for (int second = 0; second <= (bytes % 16 != 0); ++second)
#pragma unroll 1
    for (int i0 = thread; i0 < most * ends; i0 += end_batch * threads) {
      Out element[end_batch];
      char* to[end_batch];
#pragma unroll
      for (int b = 0; b < end_batch; ++b) {
        const int i = i0 + b * threads, run = min(i / ends, most - 1);
        char* row = row_at(run);
        const int begin = min(head(row), bytes), tail = bytes - (bytes - begin) % 16, left = i % ends * kOutBytes + 16 * second;
        const int at = left < begin ? left : tail + left - begin;
        load_shared(element[b], strip + run * kRunPitch + min(at, kRunElements * kOutBytes));
        to[b] = i / ends < count && at < bytes ? row + at : nullptr;
      }
#pragma unroll
      for (int b = 0; b < end_batch; ++b)
        if (to[b]) *reinterpret_cast<Out*>(to[b]) = element[b];
    }
}

// D's rows run along the tensor core's columns, and a warp has whole runs of its own 16; with swap_ab they run along its rows,
// and a warpgroup makes them together.
__device__ __forceinline__ void store_result_runs(const Result& result, u32 staging) {
  const int warp = threadIdx.x / 32 % 4, group = threadIdx.x / 128;
  constexpr int blocks = kSwap ? kBlocks : 1;  // of a strip
  const auto sync = [&] {
    if constexpr (kSwap)
      named_sync(4 + group, 128);
    else
      __syncwarp();
  };
  if (kSwap) staging -= warp * kStagingBytes;
  sync();  // the last tile's strips have been read
  int turn = 0;
#pragma unroll
  for (int block = 0; block < kBlocks; block += blocks) {
    const int row = kSwap ? result.row : result.warp_row(block);
#pragma unroll
    for (int quad = 0; quad < kColumns / 8; quad += kRunColumns / 8) {
      const int column = result.column + 8 * quad;
      if (row >= result.work.rows || column >= result.work.columns) break;
      const u32 strip = staging + (kSwap && turn ? kRunBytes : 0);
#pragma unroll
      for (int b = 0; b < blocks; ++b)
#pragma unroll
        for (int first = quad; first < quad + kRunColumns / 8 && first < kColumns / 8; first += kTogether) {
          float x[kGates][2][4], y[2][4];
          result.finish(block + b, first, x, y);
          stage_quads(kSwap ? strip + (64 * b + 16 * warp) * kOutBytes : strip, first - quad, y);
#pragma unroll
          for (int part = 0; part < kAuxes; ++part) result.store(output_aux(result.args, part), block + b, first, x[part]);
        }
      sync();
      const int rows = min(kSwap ? 64 * kBlocks : 16, result.work.rows - row);
      const int columns = min(min(kRunColumns, kColumns - 8 * quad), result.work.columns - column);
      store_runs(result.args, strip, place(output_d(result.args), row, column), kSwap ? columns : rows, kSwap ? rows : columns);
      if (!kSwap) __syncwarp();
      turn ^= 1;
    }
  }
}

}  // namespace ak::sm90
