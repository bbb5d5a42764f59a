// sm90: what happens to accumulators before they are stored. A quad is what one lane holds of an 8-column slice of a wgmma
// result: rows l/4 and l/4 + 8, columns 2*(l%4) and the next, of the 16 rows of its warp.
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

}  // namespace ak::sm90
