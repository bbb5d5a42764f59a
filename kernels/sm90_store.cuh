// sm90: finished quads on their way to D, from registers or through shared memory.
#pragma once

namespace ak::sm90 {

// Two neighbours of D in one register, at an even distance from a row's start.
__device__ __forceinline__ void store_pair(const Output& output, Out* at, u32 pair, bool second) {
  if (output.pairs && second) {
    *reinterpret_cast<u32*>(at) = pair;
  } else {
    at[0] = static_cast<Out>(static_cast<u16>(pair));
    if (second) at[1] = static_cast<Out>(static_cast<u16>(pair >> 16));
  }
}

__device__ __forceinline__ Out* place(const Output& output, int row, int column) {
  return kSwap ? output.at(column, row) : output.at(row, column);
}

// Any alignment, any edge. The whole warp calls it: row and column are the lane's.
__device__ __forceinline__ void store_quad(const Output& output, const Work& work, int row, int column, const float (&v)[4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    if constexpr (kOut16) {
      u32 pair = pack<AK_OUT>(v[2 * h], v[2 * h + 1]);
      if constexpr (kSwap) {  // neighbours must lie along n, the tensor core's rows
        pair = transpose_8x8(pair);
        const int r = row - lane / 4 + 8 * h + lane % 4 * 2, c = column - lane % 4 * 2 + lane / 4;
        if (r < work.rows && c < work.columns) store_pair(output, place(output, r, c), pair, r + 1 < work.rows);
      } else {
        const int r = row + 8 * h;
        if (r < work.rows && column < work.columns)
          store_pair(output, place(output, r, column), pair, column + 1 < work.columns);
      }
    } else {
      const int r = row + 8 * h;
      if (r < work.rows && column < work.columns) {
        float* at = reinterpret_cast<float*>(place(output, r, column));
        if (!kSwap && output.pairs && column + 1 < work.columns) {
          *reinterpret_cast<float2*>(at) = make_float2(v[2 * h], v[2 * h + 1]);
        } else {
          at[0] = v[2 * h];
          if (column + 1 < work.columns) *place(output, r, column + 1) = v[2 * h + 1];
        }
      }
    }
  }
}

struct Maps {
  const TensorMap &d, &aux;
};

// Staged stores (store 1, store 2) bring quads to D's order in shared memory first. `staged` is a lane's warp's corner of a
// strip; a strip's rows run along D's.
//
// store 1: a strip of 16 rows (of the warp) x 8 * kStripQuads columns lies under the copy engine's swizzle, and one lane sends
// it off. The copy engine clips at D's edges, and a warp waits for nobody but itself. D and each part of aux have a strip;
// where a warp's staging holds several sets, the copy of one overlaps the making of the next.
constexpr int kStripQuads = kOut16 && kColumns % 32 == 0 && kPartQuads % 4 == 0 ? 4 : kTogether;
constexpr int kStripRowBytes = (kSwap ? 16 : 8 * kStripQuads) * kOutBytes;  // along D's rows; also the swizzle
constexpr int kStripBytes = 16 * 8 * kStripQuads * kOutBytes;
constexpr int kStripSetBytes = kOutputs * kStripBytes;
constexpr int kStripSets = kStripStaging / kStripSetBytes > 4 ? 4 : kStripStaging / kStripSetBytes;

// Where the 16 bytes `part` of a strip's row lie.
__device__ __forceinline__ u32 strip_at(u32 staged, int row, int part) {
  if constexpr (AK_STORE == 2) return staged + row * kRunPitch + part * 16;
  return staged + row * kStripRowBytes + (kStripRowBytes == 64 ? part ^ (row >> 1 & 3) : part ^ (row >> 2 & 1)) * 16;
}

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
  u32 column_terms;  // shared-memory address
  const RowTerms (&row_terms)[kBlocks];
  int row, column;
  const Accumulators& acc;

  // The first row of the warp's 16 of a block.
  __device__ __forceinline__ int warp_row(int block) const { return row + 64 * block + threadIdx.x / 32 % 4 * 16; }
  // Of the calling lane's part of a quad.
  __device__ __forceinline__ int lane_row(int block) const { return warp_row(block) + threadIdx.x % 32 / 4; }
  __device__ __forceinline__ int lane_column(int quad) const { return column + 8 * quad + threadIdx.x % 4 * 2; }

  // kTogether quads of the calling lane: pre-activations `x`, D's values `y`.
  __device__ __forceinline__ void finish(int block, int first, float (&x)[kGates][2][4], float (&y)[2][4]) const {
#pragma unroll
    for (int j = 0; j < kTogether; ++j) {
      float pre[kGates][4];
#pragma unroll
      for (int g = 0; g < kGates; ++g)
#pragma unroll
        for (int e = 0; e < 4; ++e) pre[g][e] = acc[block_of(g, block)][4 * slice_of(g, first + j) + e];
      ColumnTerms terms;
      terms.load_staged(column_terms, lane_column(first + j) - column);
      finish_quad(args, work, lane_row(block), lane_column(first + j), row_terms[block], terms, pre, y[j]);
#pragma unroll
      for (int g = 0; g < kGates; ++g)
#pragma unroll
        for (int e = 0; e < 4; ++e) x[g][j][e] = pre[g][e];
    }
  }

  // Values of kTogether quads, straight from registers.
  __device__ __forceinline__ void store(const Output& output, int block, int first, const float (&v)[2][4]) const {
#pragma unroll
    for (int j = 0; j < kTogether; ++j) store_quad(output, work, lane_row(block), lane_column(first + j), v[j]);
  }
};

// By store_quad, or by the copy engine: quads [begin, end) of each block.
template <int begin, int end>
__device__ __forceinline__ void store_result(const Result& result, const Maps& maps, u32 staging) {
  const int lane = threadIdx.x % 32;
  u32 strips = staging;
#pragma unroll
  for (int block = 0; block < kBlocks; ++block) {
    const int warp_row = result.warp_row(block);
    if (warp_row >= result.work.rows) break;
#pragma unroll
    for (int first = begin; first < end; first += kTogether) {
      const int in_strip = (first - begin) % kStripQuads, strip_column = result.column + 8 * (first - in_strip);
      if (strip_column >= result.work.columns) break;
      if (AK_STORE && in_strip == 0) {
        if (lane == 0) tma_store_wait<kStripSets - 1>();  // the oldest strips have been read
        __syncwarp();
      }
      float x[kGates][2][4], y[2][4];
      result.finish(block, first, x, y);
      if constexpr (AK_STORE == 0) {
        result.store(output_d(result.args), block, first, y);
#pragma unroll
        for (int part = 0; part < kAuxes; ++part) result.store(output_aux(result.args, part), block, first, x[part]);
      } else {
        stage_quads(strips, in_strip, y);
#pragma unroll
        for (int part = 0; part < kAuxes; ++part) stage_quads(strips + (1 + part) * kStripBytes, in_strip, x[part]);
        if (in_strip + kTogether == kStripQuads) {
          async_proxy_fence();
          __syncwarp();
          if (lane == 0) {
            const int along = kSwap ? warp_row : strip_column, down = kSwap ? strip_column : warp_row;  // in D
            tma_store(maps.d, strips, along, down);
#pragma unroll
            for (int part = 0; part < kAuxes; ++part)
              tma_store(maps.aux, strips + (1 + part) * kStripBytes, along + part * result.args.n, down);
            tma_store_commit();
          }
          strips = strips == staging + (kStripSets - 1) * kStripSetBytes ? staging : strips + kStripSetBytes;
        }
      }
    }
  }
}

}  // namespace ak::sm90
