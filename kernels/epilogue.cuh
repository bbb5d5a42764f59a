// What happens to an accumulator: alpha, bias, beta*C, activation, rounding. Every family ends here.
//
// Macros that the host sets for each compile (src/jit/source.cpp):
//   AK_IN AK_OUT AK_BIAS_TYPE        ak::Type of A and B, of C and D, of bias
//   AK_BIAS                          0 none, 1 one per column (n), 2 one per row (m)
//   AK_HAS_C AK_UNIT_ALPHA           0 or 1
//   AK_A_MAJOR_K AK_B_MAJOR_K        1 when the operand is contiguous along k
//   AK_ALIGN_A AK_ALIGN_B AK_ALIGN_C AK_ALIGN_D   bytes (2..16) that divide every row or column start
//   AK_TILE_M ... every knob of the tactic in upper case, AK_ prefixed
// and the function ak::math::activate(float x, float slope).
#pragma once

namespace ak {

using In = Storage<AK_IN>::T;
using Out = Storage<AK_OUT>::T;
using Bias = Storage<AK_BIAS_TYPE>::T;

// The bias of one element; 0 without a bias. Rows and columns outside D are the caller's to avoid.
__device__ __forceinline__ float load_bias(const KernelArgs& args, int row, int column) {
#if AK_BIAS == 1
  return to_float<AK_BIAS_TYPE>(static_cast<const Bias*>(args.bias)[column]);
#elif AK_BIAS == 2
  return to_float<AK_BIAS_TYPE>(static_cast<const Bias*>(args.bias)[row]);
#else
  return 0.0f;
#endif
}

__device__ __forceinline__ float load_c(const KernelArgs& args, int row, int column) {
#if AK_HAS_C
  return to_float<AK_OUT>(static_cast<const Out*>(args.c)[row * args.ldc + column]);
#else
  return 0.0f;
#endif
}

// D's value in f32 from the f32 accumulator.
__device__ __forceinline__ float finish(const KernelArgs& args, float accumulator, float bias, float c) {
  float x = AK_UNIT_ALPHA ? accumulator : args.alpha * accumulator;
  if (AK_BIAS) x += bias;
  if (AK_HAS_C) x += args.beta * c;
  return math::activate(x, args.slope);
}

// One element, any alignment: the way out for edges and odd leading dimensions.
__device__ __forceinline__ void store_one(const KernelArgs& args, int row, int column, float accumulator) {
  const float y = finish(args, accumulator, load_bias(args, row, column), load_c(args, row, column));
  static_cast<Out*>(args.d)[row * args.ldd + column] = from_float<AK_OUT>(y);
}

}  // namespace ak
