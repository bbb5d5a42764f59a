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

// A 16-byte run at any
// even address lies in two aligned 16-byte words. Both are read whole and shifted in registers. The word that holds an
// operand's first byte begins inside its allocation, which is aligned to far more; only past `end` is care needed.
__device__ __forceinline__ Words4 read_words(const void* aligned) {
  Words4 v;
  asm volatile("ld.global.nc.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3]) : "l"(aligned));
  return v;
}

// Zeros, without a branch, unless `wanted`.
__device__ __forceinline__ Words4 read_words_if(bool wanted, const void* aligned) {
  Words4 v = {};
  asm volatile(
      "{\n.reg .pred p;\n"
      "setp.ne.u32 p, %5, 0;\n"
      "@p ld.global.nc.v4.u32 {%0,%1,%2,%3}, [%4];\n}"
      : "+r"(v.w[0]), "+r"(v.w[1]), "+r"(v.w[2]), "+r"(v.w[3])
      : "l"(aligned), "r"(static_cast<u32>(wanted)));
  return v;
}

// Zeros from `end` on; not one byte past it is read.
__device__ __forceinline__ Words4 read_words(const char* aligned, const char* end) {
  if (aligned + 16 <= end) return read_words(aligned);
  u64 low = 0, high = 0;
#pragma unroll 1
  for (int i = 0; i < 8 && aligned + 2 * i < end; ++i) {
    const u64 element = *reinterpret_cast<const u16*>(aligned + 2 * i);
    if (i < 4)
      low |= element << (16 * i);
    else
      high |= element << (16 * i - 64);
  }
  return {static_cast<u32>(low), static_cast<u32>(low >> 32), static_cast<u32>(high), static_cast<u32>(high >> 32)};
}

// Keeps the first `elements` of eight 16-bit ones, zeros the rest.
__device__ __forceinline__ void keep_elements(Words4& v, int elements) {
#pragma unroll
  for (int i = 0; i < 4; ++i) v.w[i] = elements >= 2 * i + 2 ? v.w[i] : elements == 2 * i + 1 ? v.w[i] & 0xffff : 0;
}

}  // namespace ak
