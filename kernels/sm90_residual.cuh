// sm90: C on its way in. Where nothing scales the product, accumulators start from beta * C: all loads of C are in flight at
// once, under the other warpgroup's mainloop with pingpong, and cost no registers. Elsewhere finish_quad loads it.
#pragma once

namespace ak::sm90 {

// Elements `offset` and the next of a row of C that has `limit` of them, zeros past its end, in one register. No branches, and
// constants only beside `row` and `limit`: ptxas has no registers to spare beside the accumulators.
__device__ __forceinline__ u32 load_c_pair(const Out* row, int limit, int offset) {
  u32 low = 0, high = 0;
  if constexpr (AK_ALIGN_C >= 4)
    asm volatile(
        "{\n.reg .pred both, one;\n"
        "setp.gt.s32 both, %2, %3;\n"
        "setp.eq.s32 one, %2, %3;\n"
        "@both ld.global.u32 %0, [%1];\n"
        "@one ld.global.u16 %0, [%1];\n}"
        : "+r"(low)
        : "l"(row + offset), "r"(limit), "r"(offset + 1)
        : "memory");
  else
    asm volatile(
        "{\n.reg .pred first, second;\n"
        "setp.ge.s32 first, %3, %4;\n"
        "setp.gt.s32 second, %3, %4;\n"
        "@first ld.global.u16 %0, [%2];\n"
        "@second ld.global.u16 %1, [%2+2];\n}"
        : "+r"(low), "+r"(high)
        : "l"(row + offset), "r"(limit), "r"(offset + 1)
        : "memory");
  return low | high << 16;
}
__device__ __forceinline__ float load_c_one(const Out* row, int limit, int offset) {
  float c = 0.0f;
  asm volatile("{\n.reg .pred inside;\nsetp.gt.s32 inside, %2, %3;\n@inside ld.global.f32 %0, [%1];\n}"
               : "+f"(c)
               : "l"(row + offset), "r"(limit), "r"(offset)
               : "memory");
  return c;
}

__device__ __forceinline__ void start_from_c(const KernelArgs& args, const Work& work, int row, int column, Accumulators& acc) {
  constexpr int quads = kColumns / 8, halves = 2 * kBlocks;  // a half: 8 of a warp's 16 rows of a block
  constexpr bool transpose = kSwap && kOut16;                // neighbours of D lie along the tensor core's rows
  const int lane = threadIdx.x % 32;
  row += threadIdx.x / 32 % 4 * 16 + (transpose ? lane % 4 * 2 : lane / 4);
  column += transpose ? lane / 4 : lane % 4 * 2;
  const auto keep = [&](int half, int quad, int e, float c) { acc[half / 2][4 * quad + half % 2 * 2 + e] = args.beta * c; };
  const auto keep_pair = [&](int half, int quad, u32 pair) {
    if (transpose) pair = transpose_8x8(pair);
    keep(half, quad, 0, to_float<AK_OUT>(static_cast<Out>(static_cast<u16>(pair))));
    keep(half, quad, 1, to_float<AK_OUT>(static_cast<Out>(static_cast<u16>(pair >> 16))));
  };
  const auto down = [](int half) { return half / 2 * 64 + half % 2 * 8; };
  const auto c_row = [&](int r) { return static_cast<const Out*>(args.c) + r * args.ldc + (kSwap ? row : column); };
  if constexpr (kSwap) {
#pragma unroll
    for (int quad = 0; quad < quads; ++quad)
#pragma unroll
      for (int e = 0; e < (kOut16 ? 1 : 2); ++e) {
        const int r = column + 8 * quad + e, limit = r < work.columns ? work.rows - row : 0;
#pragma unroll
        for (int half = 0; half < halves; ++half)
          if constexpr (kOut16)
            keep_pair(half, quad, load_c_pair(c_row(r), limit, down(half)));
          else
            keep(half, quad, e, load_c_one(c_row(r), limit, down(half)));
      }
  } else {
#pragma unroll
    for (int half = 0; half < halves; ++half) {
      const int r = row + down(half), limit = r < work.rows ? work.columns - column : 0;
#pragma unroll
      for (int quad = 0; quad < quads; ++quad)
        if constexpr (kOut16) {
          keep_pair(half, quad, load_c_pair(c_row(r), limit, 8 * quad));
        } else {
#pragma unroll
          for (int e = 0; e < 2; ++e) keep(half, quad, e, load_c_one(c_row(r), limit, 8 * quad + e));
        }
    }
  }
}

}  // namespace ak::sm90
