// sm80: from a warp's sums to D: the slices of k added up, then stores from registers or through shared memory.
#pragma once

namespace ak {

using Accumulators = float[kBlocksM][kBlocksN][4];

// Sums the slices of k in their order, whichever CTA comes last. True for the CTA that now holds the sum.
__device__ __forceinline__ bool reduce_slices(const KernelArgs& args, const Work& work, Accumulators& sum) {
#if AK_SPLIT_K > 1
  constexpr int quads = kBlocksM * kBlocksN;
  float4* partial = split_sums(args) + threadIdx.x;
  const auto at = [&](int slice, int quad) {
    return partial + ((static_cast<i64>(slice) * work.tiles + work.tile) * quads + quad) * kThreads;
  };
#pragma unroll
  for (int q = 0; q < quads; ++q) {
    const auto& v = sum[q / kBlocksN][q % kBlocksN];
    __stcg(at(work.slice, q), make_float4(v[0], v[1], v[2], v[3]));
  }
  if (!last_of_split(args.workspace, kFirstSplit + work.tile, AK_SPLIT_K)) return false;
#pragma unroll
  for (int q = 0; q < quads; ++q) {
    auto& v = sum[q / kBlocksN][q % kBlocksN];
    v[0] = v[1] = v[2] = v[3] = 0;
  }
#pragma unroll 1
  for (int slice = 0; slice < AK_SPLIT_K; ++slice)
#pragma unroll
    for (int q = 0; q < quads; ++q) {
      auto& v = sum[q / kBlocksN][q % kBlocksN];
      const float4 part = __ldcg(at(slice, q));
      v[0] += part.x, v[1] += part.y, v[2] += part.z, v[3] += part.w;
    }
#endif
  return true;
}

// Two neighbours of a row; `second` says that the other one is inside D.
__device__ __forceinline__ void store_pair(const Output& output, int row, int column, bool second, float low, float high) {
  Out* to = output.at(row, column);
  if (output.pairs && second) {
    if constexpr (AK_OUT == F32)
      *reinterpret_cast<float2*>(to) = make_float2(low, high);
    else
      *reinterpret_cast<u32*>(to) = pack<AK_OUT>(low, high);
  } else {
    to[0] = from_float<AK_OUT>(low);
    if (second) to[1] = from_float<AK_OUT>(high);
  }
}

// Straight from registers: pairs of columns, four lanes to a row.
__device__ __forceinline__ void store_direct(const KernelArgs& args, const Accumulators& sum, int row0, int column0) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  row0 += warp / AK_WARPS_N * kWarpM + lane / 4;
  column0 += warp % AK_WARPS_N * kWarpN + lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < 2 * kBlocksM; ++i) {
    const int row = row0 + i * 8;
    if (row >= args.m) break;
#pragma unroll
    for (int j = 0; j < kBlocksD; ++j) {
      const int column = column0 + j * 8;
      if (column >= args.n) break;
      const bool second = column + 1 < args.n;
      float x[2][kGates], y[2] = {0.0f, 0.0f};
#pragma unroll
      for (int e = 0; e < 2; ++e) {
#pragma unroll
        for (int g = 0; g < kGates; ++g) x[e][g] = sum[i / 2][g * kBlocksD + j][i % 2 * 2 + e];
        if (e == 0 || second) y[e] = finish_element(args, row, column + e, x[e]);
      }
      store_pair(output_d(args), row, column, second, y[0], y[1]);
#pragma unroll
      for (int g = 0; g < kAuxes; ++g) store_pair(output_aux(args, g), row, column, second, x[0][g], x[1][g]);
    }
  }
}

// `width` neighbours of a row from column `first` on, those inside 0 <= column < columns; `whole` says that all are, and that
// they may be stored at once.
template <int width>
__device__ __forceinline__ void store_run(Out* row, int first, int columns, bool whole, const float (&y)[width]) {
  constexpr int bytes = width * static_cast<int>(sizeof(Out));
  Out* to = row + first;
  if (!whole) {
#pragma unroll
    for (int e = 0; e < width; ++e)
      if (first + e >= 0 && first + e < columns) to[e] = from_float<AK_OUT>(y[e]);
  } else if constexpr (AK_OUT == F32) {
    if constexpr (width == 4)
      *reinterpret_cast<float4*>(to) = make_float4(y[0], y[1], y[2], y[3]);
    else
      *reinterpret_cast<float2*>(to) = make_float2(y[0], y[1]);
  } else {
    if constexpr (bytes == 4)
      *reinterpret_cast<u32*>(to) = pack<AK_OUT>(y[0], y[1]);
    else if constexpr (bytes == 8)
      *reinterpret_cast<uint2*>(to) = make_uint2(pack<AK_OUT>(y[0], y[1]), pack<AK_OUT>(y[2], y[3]));
    else
      *reinterpret_cast<uint4*>(to) =
          make_uint4(pack<AK_OUT>(y[0], y[1]), pack<AK_OUT>(y[2], y[3]), pack<AK_OUT>(y[4], y[5]), pack<AK_OUT>(y[6], y[7]));
  }
}

// Through shared memory, 16 rows of every warp at a time, so that a warp writes whole runs of a row. Where D's rows are aligned
// to one element only, pairs start at each row's first 4-byte boundary.
__device__ __forceinline__ void store_shared_rows(const KernelArgs& args, const Accumulators& sum, char* shared, int row0,
                                                  int column0) {
  constexpr int size = sizeof(Out);
  constexpr int width = AK_ALIGN_D > 2 * size ? AK_ALIGN_D / size : 2;  // elements a thread stores at once
  constexpr bool aligned = AK_ALIGN_D >= width * size;
  constexpr int pitch = kGates * AK_TILE_N + 8;
  constexpr int vectors = AK_TILE_N / width + (aligned ? 0 : 1);
  constexpr int lanes = vectors > 16 ? 32 : vectors > 8 ? 16 : vectors > 4 ? 8 : 4;  // of a warp, on one row
  constexpr int rows_at_once = 32 / lanes;
  float* slab = reinterpret_cast<float*>(shared);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int columns = args.n - column0 < AK_TILE_N ? args.n - column0 : AK_TILE_N;
#pragma unroll
  for (int i = 0; i < kBlocksM; ++i) {
    __syncthreads();
    float* to = slab + (warp / AK_WARPS_N * 16 + lane / 4) * pitch + warp % AK_WARPS_N * kWarpN + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < kBlocksN; ++j) {
      float* at = to + j / kBlocksD * AK_TILE_N + j % kBlocksD * 8;
      *reinterpret_cast<float2*>(at) = make_float2(sum[i][j][0], sum[i][j][1]);
      *reinterpret_cast<float2*>(at + 8 * pitch) = make_float2(sum[i][j][2], sum[i][j][3]);
    }
    __syncthreads();
#pragma unroll 2
    for (int slab_row = warp * rows_at_once + lane / lanes; slab_row < AK_WARPS_M * 16;
         slab_row += kThreads / 32 * rows_at_once) {
      const int row = row0 + slab_row / 16 * kWarpM + i * 16 + slab_row % 16;
      if (row >= args.m) continue;
      Out* d = output_d(args).at(row, column0);
      const int odd = aligned ? 0 : static_cast<int>(reinterpret_cast<u64>(d) / size % 2);
#pragma unroll
      for (int vector = 0; vector < vectors; vector += lanes) {
        const int first = (vector + lane % lanes) * width - odd;
        if (first >= columns) continue;
        const float* from = slab + slab_row * pitch + first;
        float y[width], pre[kGates][width];
#pragma unroll
        for (int e = 0; e < width; ++e) {
          const int column = first + e;
          float x[kGates] = {};
          y[e] = 0;
          if (column >= 0 && column < columns) {
#pragma unroll
            for (int g = 0; g < kGates; ++g) x[g] = from[g * AK_TILE_N + e];
            y[e] = finish_element(args, row, column0 + column, x);
          }
#pragma unroll
          for (int g = 0; g < kGates; ++g) pre[g][e] = x[g];
        }
        const bool whole = first >= 0 && first + width <= columns;
        store_run(d, first, columns, whole && (aligned || size == 2), y);
        // The up part of aux lies n elements further on, and misaligned rows of aux may be odd where those of D are even.
#pragma unroll
        for (int g = 0; g < kAuxes; ++g)
          store_run(output_aux(args, g).at(row, column0), first, columns, whole && aligned && (g == 0 || args.n % width == 0),
                    pre[g]);
      }
    }
  }
}

}  // namespace ak
