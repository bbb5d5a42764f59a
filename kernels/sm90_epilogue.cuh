// sm90: what happens to accumulators before they are stored. A quad is what one lane holds of an 8-column slice of a wgmma
// result: rows l/4 and l/4 + 8, columns 2*(l%4) and the next, of the 16 rows of its warp.
#pragma once

namespace ak::sm90 {

constexpr bool kOut16 = sizeof(Out) == 2;

// Coordinates here are the tensor core's; D's are the same, or transposed. Gated, `gate` 1 is the up projection, whose columns
// of D follow the gate's.
__device__ __forceinline__ Terms terms_of_row(const KernelArgs& args, const Work& work, int row, int gate) {
  if (!kTermsOnRows || row >= work.rows) return {};
  return kSwap ? column_terms(args, row + static_cast<i64>(gate) * work.rows) : row_terms(args, row);
}
__device__ __forceinline__ Terms terms_of_column(const KernelArgs& args, const Work& work, int column, int gate) {
  if (!kTermsOnColumns || column >= work.columns) return {};
  return kSwap ? row_terms(args, column) : column_terms(args, column + static_cast<i64>(gate) * work.columns);
}

// The terms of a quad's two rows, the same for all quads of a 64-row block: loaded before the mainloop, which hides the way to
// memory.
struct RowTerms {
  Terms of[kLeftStack][2];
  __device__ void load(const KernelArgs& args, const Work& work, int row) {
#pragma unroll
    for (int gate = 0; gate < kLeftStack; ++gate)
#pragma unroll
      for (int h = 0; h < 2; ++h) of[gate][h] = terms_of_row(args, work, row + 8 * h, gate);
  }
};

// The terms of a quad's two columns.
struct ColumnTerms {
  Terms of[kRightStack][2];
  __device__ void load(const KernelArgs& args, const Work& work, int column) {
#pragma unroll
    for (int gate = 0; gate < kRightStack; ++gate)
#pragma unroll
      for (int e = 0; e < 2; ++e) of[gate][e] = terms_of_column(args, work, column + e, gate);
  }
  // From the tile's staged ones; `column` counts from its first.
  __device__ void load_staged(u32 from, int column) {
#pragma unroll
    for (int gate = 0; gate < kRightStack; ++gate) {
      const u32 at = from + 4 * (gate * kColumns + column);
      float v[2];
      if constexpr (kColumnScales) {
        asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(v[0]), "=f"(v[1]) : "r"(at));
        of[gate][0].scale = v[0], of[gate][1].scale = v[1];
      }
      if constexpr (kColumnBiases) {
        asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(v[0]), "=f"(v[1]) : "r"(at + kColumnScales * kWidth * 4));
        of[gate][0].bias = v[0], of[gate][1].bias = v[1];
      }
    }
  }
};

// The tile's column terms, in f32 in shared memory for one warpgroup; staged before the mainloop.
__device__ __forceinline__ void stage_column_terms(const KernelArgs& args, const Work& work, u32 to, int column) {
  const int group = threadIdx.x / 128;
  named_sync(4 + group, 128);  // all four warps are done with the last tile's
#pragma unroll
  for (int gate = 0; gate < kRightStack; ++gate)
    for (int c = threadIdx.x % 128; c < kColumns; c += 128) {
      const Terms t = terms_of_column(args, work, column + c, gate);
      const u32 at = to + 4 * (gate * kColumns + c);
      if (kColumnScales) asm volatile("st.shared.f32 [%0], %1;" ::"r"(at), "f"(t.scale) : "memory");
      if (kColumnBiases) asm volatile("st.shared.f32 [%0], %1;" ::"r"(at + kColumnScales * kWidth * 4), "f"(t.bias) : "memory");
    }
  named_sync(4 + group, 128);
}

__device__ __forceinline__ void load_c_quad(const KernelArgs& args, const Work& work, int row, int column, float (&c)[4]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int r = row + 8 * h;
    if (r >= work.rows) continue;
    if (!kSwap && AK_ALIGN_C >= 2 * sizeof(Out) && column + 1 < work.columns) {
      const Out* at = static_cast<const Out*>(args.c) + r * args.ldc + column;
      if constexpr (kOut16) {
        const u32 pair = *reinterpret_cast<const u32*>(at);
        c[2 * h] = to_float<AK_OUT>(static_cast<u16>(pair));
        c[2 * h + 1] = to_float<AK_OUT>(static_cast<u16>(pair >> 16));
      } else {
        const float2 pair = *reinterpret_cast<const float2*>(at);
        c[2 * h] = pair.x, c[2 * h + 1] = pair.y;
      }
    } else {
#pragma unroll
      for (int e = 0; e < 2; ++e)
        if (column + e < work.columns) c[2 * h + e] = kSwap ? load_c(args, column + e, r) : load_c(args, r, column + e);
    }
  }
}

// A quad's accumulators become pre-activations, in place, and D's values `y`: gated, two quads become one.
__device__ __forceinline__ void finish_quad(const KernelArgs& args, const Work& work, int row, int column, const RowTerms& rows,
                                            const ColumnTerms& columns, float (&x)[kGates][4], float (&y)[4]) {
  float c[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  if (AK_HAS_C && !kStartFromC) load_c_quad(args, work, row, column, c);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float pre[kGates];
#pragma unroll
    for (int gate = 0; gate < kGates; ++gate) {
      const Terms &down = rows.of[kSwap ? gate : 0][i / 2], &across = columns.of[kSwap ? 0 : gate][i % 2];
      pre[gate] = x[gate][i] = pre_activation(args, x[gate][i], kSwap ? across : down, kSwap ? down : across, c[i]);
    }
    y[i] = finish(args, pre);
  }
}

}  // namespace ak::sm90
