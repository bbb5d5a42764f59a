// Aligned 16-byte words, and the runs between them.
#pragma once

namespace ak {

struct alignas(16) Words4 {
  u32 w[4];
};

// The 16 bytes that start `offset` bytes (even, 0..14) into the 32 of first and second.
__device__ __forceinline__ Words4 shift_words(const Words4& first, const Words4& second, u32 offset) {
  u32 w[8] = {first.w[0], first.w[1], first.w[2], first.w[3], second.w[0], second.w[1], second.w[2], second.w[3]};
  u32 x[6], y[5];
#pragma unroll
  for (int i = 0; i < 6; ++i) x[i] = offset & 8 ? w[i + 2] : w[i];
#pragma unroll
  for (int i = 0; i < 5; ++i) y[i] = offset & 4 ? x[i + 1] : x[i];
  Words4 out;
#pragma unroll
  for (int i = 0; i < 4; ++i) out.w[i] = __funnelshift_r(y[i], y[i + 1], (offset & 2) * 8);
  return out;
}

}  // namespace ak
