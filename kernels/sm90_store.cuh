// sm90: finished quads on their way to D, from registers or through shared memory.
#pragma once

namespace ak::sm90 {

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

// Staged stores (store 1, store 2) bring quads to D's order in shared memory first. `staged` is a lane's warp's corner of a
// strip; a strip's rows run along D's.
//
// store 1: a strip of 16 rows (of the warp) x 8 * kStripQuads columns lies under the copy engine's swizzle, and one lane sends
// it off. The copy engine clips at D's edges, and a warp waits for nobody but itself. Two or four strips fit a warp's staging,
// so the copy of one overlaps the making of the next.
constexpr int kStripQuads = kOut16 && kColumns % 32 == 0 ? 4 : kColumns % 16 == 0 ? 2 : 1;
constexpr int kStripRowBytes = (kSwap ? 16 : 8 * kStripQuads) * kOutBytes;  // along D's rows; also the swizzle
constexpr int kStripBytes = 16 * 8 * kStripQuads * kOutBytes;
constexpr int kStrips = kStripStaging / kStripBytes > 4 ? 4 : kStripStaging / kStripBytes;

// Where the 16 bytes `part` of a strip's row lie.
__device__ __forceinline__ u32 strip_at(u32 staged, int row, int part) {
  if constexpr (AK_STORE == 2) return staged + row * kRunPitch + part * 16;
  return staged + row * kStripRowBytes + (kStripRowBytes == 64 ? part ^ (row >> 1 & 3) : part ^ (row >> 2 & 1)) * 16;
}

constexpr int kTogether = kColumns % 16 == 0 ? 2 : 1;  // quads that are finished and staged at once

// kTogether quads, from quad `first` of the strip on.
__device__ __forceinline__ void stage_quads(u32 staged, int first, const float (&v)[2][4]) {
  const int lane = threadIdx.x % 32;
  if constexpr (!kOut16) {
#pragma unroll
    for (int j = 0; j < kTogether; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        if constexpr (kSwap) {
#pragma unroll
          for (int e = 0; e < 2; ++e)
            asm volatile("st.shared.f32 [%0], %1;" ::"r"(
                             strip_at(staged, 8 * (first + j) + lane % 4 * 2 + e, 2 * h + lane / 16) + lane / 4 % 4 * 4),
                         "f"(v[j][2 * h + e])
                         : "memory");
        } else {
          asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(
                           strip_at(staged, lane / 4 + 8 * h, 2 * (first + j) + lane % 4 / 2) + lane % 2 * 8),
                       "f"(v[j][2 * h]), "f"(v[j][2 * h + 1])
                       : "memory");
        }
  } else {
    u32 packed[4];
#pragma unroll
    for (int i = 0; i < 2 * kTogether; ++i) packed[i] = pack<AK_OUT>(v[i / 2][i % 2 * 2], v[i / 2][i % 2 * 2 + 1]);
    if constexpr (!kSwap)
      store_8x8(strip_at(staged, lane % 16, first + lane / 16), packed[0], packed[1], packed[2], packed[3]);
    else if constexpr (kTogether == 2)
      store_8x8_transposed(strip_at(staged, 8 * (first + lane / 16) + lane % 8, lane / 8 % 2), packed[0], packed[1], packed[2],
                           packed[3]);
    else
      store_8x8_transposed(strip_at(staged, 8 * first + lane % 8, lane / 8 % 2), packed[0], packed[1]);
  }
}

// A warpgroup's part of the tile on its way out: kBlocks x 64 rows from `row` on.
struct Result {
  const KernelArgs& args;
  const Work& work;
  u32 column_biases;  // shared-memory address
  const RowBias (&row_bias)[kBlocks];
  int row, column;
  float (&acc)[kBlocks][kColumns / 2];

  // The first row of the warp's 16 of a block.
  __device__ __forceinline__ int warp_row(int block) const { return row + 64 * block + threadIdx.x / 32 % 4 * 16; }

  // kTogether finished quads of the calling lane.
  __device__ __forceinline__ void finish(int block, int first, float (&v)[2][4]) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int j = 0; j < kTogether; ++j) {
      const int lane_column = column + 8 * (first + j) + lane % 4 * 2;
#pragma unroll
      for (int e = 0; e < 4; ++e) v[j][e] = acc[block][4 * (first + j) + e];
      float column_bias[2] = {0.0f, 0.0f};
      if (kBiasOnColumns) load_column_bias(column_biases + 4 * (lane_column - column), column_bias);
      finish_quad(args, work, warp_row(block) + lane / 4, lane_column, row_bias[block], column_bias, v[j]);
    }
  }
};

// By store_quad, or by the copy engine.
__device__ __forceinline__ void store_result(const Result& result, const TensorMap& map_d, u32 staging) {
  const int lane = threadIdx.x % 32;
  u32 strip = staging;
#pragma unroll
  for (int block = 0; block < kBlocks; ++block) {
    const int warp_row = result.warp_row(block);
    if (warp_row >= result.work.rows) break;
#pragma unroll
    for (int first = 0; first < kColumns / 8; first += kTogether) {
      const int in_strip = first % kStripQuads, strip_column = result.column + 8 * (first - in_strip);
      if (strip_column >= result.work.columns) break;
      if (AK_STORE && in_strip == 0) {
        if (lane == 0) tma_store_wait<kStrips - 1>();  // the oldest strip has been read
        __syncwarp();
      }
      float v[2][4];
      result.finish(block, first, v);
      if constexpr (AK_STORE == 0) {
#pragma unroll
        for (int j = 0; j < kTogether; ++j)
          store_quad(result.args, result.work, warp_row + lane / 4, result.column + 8 * (first + j) + lane % 4 * 2, v[j]);
      } else {
        stage_quads(strip, in_strip, v);
        if (in_strip + kTogether == kStripQuads) {
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

}  // namespace ak::sm90
