// Element types without headers: 16-bit storage as unsigned short, conversions in PTX.
#pragma once

namespace ak {

using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i64 = long long;

enum Type { F16 = 0, BF16 = 1, F32 = 2 };  // ak::DType

template <int type> struct Storage { using T = u16; };
template <> struct Storage<F32> { using T = float; };

template <int type> __device__ __forceinline__ float to_float(typename Storage<type>::T v) {
  if constexpr (type == F32) {
    return v;
  } else if constexpr (type == BF16) {
    return __uint_as_float(static_cast<u32>(v) << 16);
  } else {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(v));
    return f;
  }
}

template <int type> __device__ __forceinline__ typename Storage<type>::T from_float(float f) {
  if constexpr (type == F32) {
    return f;
  } else {
    u16 v;
    if constexpr (type == BF16)
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(v) : "f"(f));
    else
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(v) : "f"(f));
    return v;
  }
}

// Two neighbours in one register, `low` at the lower address.
template <int type> __device__ __forceinline__ u32 pack(float low, float high) {
  u32 v;
  if constexpr (type == BF16)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
  return v;
}

}  // namespace ak
