// sm90: from accumulators to D. A quad is what one lane holds of an 8-column slice of a wgmma result: rows l/4 and l/4 + 8,
// columns 2*(l%4) and the next, of the 16 rows of its warp.
#pragma once

namespace ak::sm90 {

constexpr bool kOut16 = sizeof(Out) == 2;

// Coordinates here are the tensor core's; D's are the same, or transposed.
__device__ __forceinline__ float bias_at(const KernelArgs& args, int row, int column) {
  return kSwap ? load_bias(args, column, row) : load_bias(args, row, column);
}
__device__ __forceinline__ Out* d_at(const KernelArgs& args, int row, int column) {
  return static_cast<Out*>(args.d) + (kSwap ? column * args.ldd + row : row * args.ldd + column);
}

// The two row biases of a quad, the same for all quads of a 64-row block: loaded before the mainloop, which hides the way to
// memory.
struct RowBias {
  float v[2] = {0.0f, 0.0f};
  __device__ void load(const KernelArgs& args, const Work& work, int row) {
    if (kBiasOnRows)
#pragma unroll
      for (int h = 0; h < 2; ++h) v[h] = row + 8 * h < work.rows ? bias_at(args, row + 8 * h, 0) : 0.0f;
  }
};

// The tile's column biases, in f32 in shared memory for one warpgroup; staged before the mainloop.
__device__ __forceinline__ void stage_column_bias(const KernelArgs& args, const Work& work, u32 to, int column) {
  const int group = threadIdx.x / 128;
  named_sync(4 + group, 128);  // all four warps are done with the last tile's
  for (int c = threadIdx.x % 128; c < kColumns; c += 128)
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(to + 4 * c),
                 "f"(column + c < work.columns ? bias_at(args, 0, column + c) : 0.0f)
                 : "memory");
  named_sync(4 + group, 128);
}
__device__ __forceinline__ void load_column_bias(u32 at, float (&bias)[2]) {
  asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(bias[0]), "=f"(bias[1]) : "r"(at));
}

__device__ __forceinline__ void finish_quad(const KernelArgs& args, const Work& work, int row, int column,
                                            const RowBias& row_bias, const float (&column_bias)[2], float (&v)[4]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int r = row + 8 * h;
    float c[2] = {0.0f, 0.0f};
    if (AK_HAS_C && r < work.rows) {
      if (!kSwap && AK_ALIGN_C >= 2 * sizeof(Out) && column + 1 < work.columns) {
        const Out* at = static_cast<const Out*>(args.c) + r * args.ldc + column;
        if constexpr (kOut16) {
          const u32 pair = *reinterpret_cast<const u32*>(at);
          c[0] = to_float<AK_OUT>(static_cast<u16>(pair));
          c[1] = to_float<AK_OUT>(static_cast<u16>(pair >> 16));
        } else {
          const float2 pair = *reinterpret_cast<const float2*>(at);
          c[0] = pair.x, c[1] = pair.y;
        }
      } else {
#pragma unroll
        for (int e = 0; e < 2; ++e)
          if (column + e < work.columns) c[e] = kSwap ? load_c(args, column + e, r) : load_c(args, r, column + e);
      }
    }
#pragma unroll
    for (int e = 0; e < 2; ++e) v[2 * h + e] = finish(args, v[2 * h + e], kBiasOnRows ? row_bias.v[h] : column_bias[e], c[e]);
  }
}

// Two neighbours of D in one register, at an even distance from a row's start.
__device__ __forceinline__ void store_pair(const KernelArgs& args, Out* at, u32 pair, bool second) {
  if (AK_ALIGN_D >= 4 && second) {
    *reinterpret_cast<u32*>(at) = pair;
  } else {
    at[0] = static_cast<Out>(static_cast<u16>(pair));
    if (second) at[1] = static_cast<Out>(static_cast<u16>(pair >> 16));
  }
}

// Any alignment, any edge. The whole warp calls it: row and column are the lane's.
__device__ __forceinline__ void store_quad(const KernelArgs& args, const Work& work, int row, int column, const float (&v)[4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    if constexpr (kOut16) {
      u32 pair = pack<AK_OUT>(v[2 * h], v[2 * h + 1]);
      if constexpr (kSwap) {  // neighbours must lie along n, the tensor core's rows
        pair = transpose_8x8(pair);
        const int r = row - lane / 4 + 8 * h + lane % 4 * 2, c = column - lane % 4 * 2 + lane / 4;
        if (r < work.rows && c < work.columns) store_pair(args, d_at(args, r, c), pair, r + 1 < work.rows);
      } else {
        const int r = row + 8 * h;
        if (r < work.rows && column < work.columns) store_pair(args, d_at(args, r, column), pair, column + 1 < work.columns);
      }
    } else {
      const int r = row + 8 * h;
      if (r < work.rows && column < work.columns) {
        float* at = reinterpret_cast<float*>(d_at(args, r, column));
        if (!kSwap && AK_ALIGN_D >= 8 && column + 1 < work.columns) {
          *reinterpret_cast<float2*>(at) = make_float2(v[2 * h], v[2 * h + 1]);
        } else {
          at[0] = v[2 * h];
          if (column + 1 < work.columns) *d_at(args, r, column + 1) = v[2 * h + 1];
        }
      }
    }
  }
}

// Through shared memory and TMA: a strip of 16 rows (of the warp) x 8 * kStripQuads columns is transposed to D's order under
// the copy engine's swizzle, and one lane sends it off. The copy engine clips at D's edges, and a warp waits for nobody but
// itself. Two or four strips fit a warp's staging, so the copy of one overlaps the making of the next.
constexpr int kStripQuads = kSwap                          ? (kColumns % 32 == 0   ? 4
                                                              : kColumns % 16 == 0 ? 2
                                                                                   : 1)
                            : kOut16 && kColumns % 32 == 0 ? 4
                                                           : 2;
constexpr int kStripRowBytes =
    kSwap ? 32 : 8 * kStripQuads * static_cast<int>(sizeof(Out));  // along D's rows; also the swizzle
constexpr int kStripBytes = 16 * 8 * kStripQuads * static_cast<int>(sizeof(Out));
constexpr int kStrips = kStagingBytes / kStripBytes > 4 ? 4 : kStagingBytes / kStripBytes;

// Where the swizzle puts the 16 bytes `part` of a strip's row.
__device__ __forceinline__ u32 strip_at(u32 strip, int row, int part) {
  return strip + row * kStripRowBytes + (kStripRowBytes == 64 ? part ^ (row >> 1 & 3) : part ^ (row >> 2 & 1)) * 16;
}

// Two quads, or one when `pair` is false, from quad `first` of the strip on.
template <bool pair>
__device__ __forceinline__ void stage_quads(u32 strip, int first, const float (&v)[2][4]) {
  const int lane = threadIdx.x % 32;
  if constexpr (!kOut16) {
#pragma unroll
    for (int j = 0; j < 2; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(
                         strip_at(strip, lane / 4 + 8 * h, 2 * (first + j) + lane % 4 / 2) + lane % 2 * 8),
                     "f"(v[j][2 * h]), "f"(v[j][2 * h + 1])
                     : "memory");
  } else {
    u32 packed[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) packed[i] = pack<AK_OUT>(v[i / 2][i % 2 * 2], v[i / 2][i % 2 * 2 + 1]);
    if constexpr (!kSwap)
      store_8x8(strip_at(strip, lane % 16, first + lane / 16), packed[0], packed[1], packed[2], packed[3]);
    else if constexpr (pair)
      store_8x8_transposed(strip_at(strip, 8 * (first + lane / 16) + lane % 8, lane / 8 % 2), packed[0], packed[1], packed[2],
                           packed[3]);
    else
      store_8x8_transposed(strip_at(strip, 8 * first + lane % 8, lane / 8 % 2), packed[0], packed[1]);
  }
}

// A warpgroup's part of the tile: kBlocks x 64 rows from `row` on.
__device__ __forceinline__ void store_tile(const KernelArgs& args, const Work& work, const TensorMap& map_d, u32 staging,
                                           u32 column_biases, const RowBias (&row_bias)[kBlocks], int row, int column,
                                           float (&acc)[kBlocks][kColumns / 2]) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  constexpr int together = kColumns % 16 == 0 ? 2 : 1;  // quads
  u32 strip = staging;
#pragma unroll
  for (int block = 0; block < kBlocks; ++block) {
    const int warp_row = row + 64 * block + 16 * warp;
    if (warp_row >= work.rows) break;
    const int lane_row = warp_row + lane / 4;
#pragma unroll
    for (int first = 0; first < kColumns / 8; first += together) {
      const int in_strip = first % kStripQuads, strip_column = column + 8 * (first - in_strip);
      if (strip_column >= work.columns) break;
      if (AK_STORE && in_strip == 0) {
        if (lane == 0) tma_store_wait<kStrips - 1>();  // the oldest strip has been read
        __syncwarp();
      }
      float v[2][4];
#pragma unroll
      for (int j = 0; j < together; ++j) {
        const int lane_column = column + 8 * (first + j) + lane % 4 * 2;
#pragma unroll
        for (int e = 0; e < 4; ++e) v[j][e] = acc[block][4 * (first + j) + e];
        float column_bias[2] = {0.0f, 0.0f};
        if (kBiasOnColumns) load_column_bias(column_biases + 4 * (lane_column - column), column_bias);
        finish_quad(args, work, lane_row, lane_column, row_bias[block], column_bias, v[j]);
        if (!AK_STORE) store_quad(args, work, lane_row, lane_column, v[j]);
      }
      if constexpr (AK_STORE) {
        stage_quads<together == 2>(strip, in_strip, v);
        if (in_strip + together == kStripQuads) {
          async_proxy_fence();
          __syncwarp();
          if (lane == 0) {
            tma_store(map_d, strip, kSwap ? warp_row : strip_column, kSwap ? strip_column : warp_row);
            tma_store_commit();
          }
          strip = strip == staging + (kStrips - 1) * kStripBytes ? staging : strip + kStripBytes;
        }
      }
    }
  }
}

// split_k: the CTAs of a cluster hold partial sums of one tile. Each leaves its own in shared memory, and each adds up and
// finishes every kSplit-th quad, always in rank order: the result does not depend on timing.
__device__ __forceinline__ void leave_partial(u32 scratch, const float (&acc)[kBlocks][kColumns / 2]) {
#pragma unroll
  for (int block = 0; block < kBlocks; ++block)
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j) {
      const float* v = &acc[block][4 * j];
      asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(
                       scratch + ((block * (kColumns / 8) + j) * kConsumerThreads + threadIdx.x) * 16),
                   "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3])
                   : "memory");
    }
}
__device__ __forceinline__ void store_sum(const KernelArgs& args, const Work& work, u32 scratch, u32 rank, int row,
                                          int column) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  constexpr int quads = kBlocks * (kColumns / 8);
  constexpr int most = (quads + kSplit - 1) / kSplit, room = kSplit < 8 ? 8 / kSplit : 1;
  constexpr int batch = most < room ? most : room;  // quads whose loads are in flight together
#pragma unroll 1
  for (int first = rank; first < quads; first += batch * kSplit) {
    float parts[batch][kSplit][4], column_bias[batch][2];
    RowBias row_bias[batch];
    int rows[batch], columns[batch];
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      const int quad = min(first + i * kSplit, quads - 1), block = quad / (kColumns / 8), j = quad % (kColumns / 8);
      rows[i] = row + 64 * block + 16 * warp + lane / 4;
      columns[i] = column + 8 * j + lane % 4 * 2;
      row_bias[i].load(args, work, rows[i]);
#pragma unroll
      for (int e = 0; e < 2; ++e)
        column_bias[i][e] = kBiasOnColumns && columns[i] + e < work.columns ? bias_at(args, 0, columns[i] + e) : 0.0f;
#pragma unroll
      for (int s = 0; s < kSplit; ++s) load_from_cta(parts[i][s], scratch + (quad * kConsumerThreads + threadIdx.x) * 16, s);
    }
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      if (first + i * kSplit >= quads) break;
      float v[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
      for (int s = 0; s < kSplit; ++s)
#pragma unroll
        for (int e = 0; e < 4; ++e) v[e] += parts[i][s][e];
      finish_quad(args, work, rows[i], columns[i], row_bias[i], column_bias[i], v);
      store_quad(args, work, rows[i], columns[i], v);
    }
  }
}

// split_k loads biases only when the sums are ready: bring them near while the mainloop runs.
__device__ __forceinline__ void prefetch_bias(const KernelArgs& args, const Work& work, int row, int column) {
  const int at = threadIdx.x % 128 * 2;
  const int index = kBiasOnRows ? row + at : column + at;
  if (AK_BIAS && index < (kBiasOnRows ? work.rows : work.columns))
    asm volatile("prefetch.global.L2 [%0];" ::"l"(static_cast<const Bias*>(args.bias) + index));
}

}  // namespace ak::sm90
