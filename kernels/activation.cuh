// The vocabulary of include/ak/activations.def in float. Relative error is below 2^-18 for |x| <= 16 and grows with |x| on
// the exponential tails to 2^-16, where results have left f16 and all but left bf16.
#pragma once

namespace ak::math {

__device__ __forceinline__ float ex2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float rcp(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ float exp(float x) { return ex2(x * 1.4426950408889634f); }
__device__ __forceinline__ float sigmoid(float x) { return rcp(1.0f + ex2(x * -1.4426950408889634f)); }
// NaN when either is: one instruction, where a comparison and a choice take two.
__device__ __forceinline__ float min(float a, float b) {
  float y;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}
__device__ __forceinline__ float max(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}
__device__ __forceinline__ float abs(float x) { return ::fabsf(x); }
__device__ __forceinline__ float expm1(float x) { return ::expm1f(x); }
__device__ __forceinline__ float log1p(float x) { return ::log1pf(x); }
__device__ __forceinline__ float tanh(float x) { return ::tanhf(x); }

// Chebyshev fit of erfc(x) = t exp(-x^2 + P(t)), t = 1 / (1 + |x| / 2): Press et al., Numerical Recipes, section 6.2. A third of
// erfcf's instructions, which a memory-bound epilogue would otherwise wait for.
__device__ __forceinline__ float erfc(float x) {
  const float a = abs(x), t = rcp(1.0f + 0.5f * a);
  float p = 0.17087277f;
  p = p * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  const float y = t * exp(p - a * a);
  return x < 0 ? 2.0f - y : y;
}

}  // namespace ak::math
