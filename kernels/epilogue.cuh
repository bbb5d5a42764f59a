// What happens to an accumulator: scales, bias, beta*C, activation, gate, rounding. Every family ends here.
//
// Macros that the host sets for each compile (src/jit/source.cpp):
//   AK_IN AK_OUT AK_BIAS_TYPE        ak::Type of A and B, of C, D and aux, of bias
//   AK_BIAS                          0 none, 1 one per column (n), 2 one per row (m)
//   AK_HAS_C AK_UNIT_ALPHA           0 or 1
//   AK_GATED AK_AUX                  1: two products, D = act(gate) * up; 1: the pre-activation is stored too
//   AK_ROW_SCALE AK_COLUMN_SCALE     1: a factor for each row, for each column
//   AK_A_MAJOR_K AK_B_MAJOR_K        1 when the operand is contiguous along k
//   AK_ALIGN_A AK_ALIGN_B AK_ALIGN_C AK_ALIGN_D   bytes (2..16) that divide every row or column start
//   AK_TILE_M ... every knob of the tactic in upper case, AK_ prefixed
// and the function ak::math::activate(float x, float slope).
#pragma once

namespace ak {

using In = Storage<AK_IN>::T;
using Out = Storage<AK_OUT>::T;
using Bias = Storage<AK_BIAS_TYPE>::T;

// Accumulators of one element of D: the product, or the gate's and the up projection's.
constexpr int kGates = 1 + AK_GATED;
constexpr int kAuxes = AK_AUX ? kGates : 0;

// What an accumulator meets along one axis of D; what is absent costs nothing.
struct Terms {
  float scale = 1.0f, bias = 0.0f;
};
constexpr bool kRowTerms = AK_ROW_SCALE || AK_BIAS == 2, kColumnTerms = AK_COLUMN_SCALE || AK_BIAS == 1;

// Rows and columns outside D are the caller's to avoid. The up projection's columns follow the gate's: n, n + 1, ...
__device__ __forceinline__ Terms row_terms(const KernelArgs& args, int row) {
  Terms t;
  if (AK_ROW_SCALE) t.scale = args.row_scale[row];
  if (AK_BIAS == 2) t.bias = to_float<AK_BIAS_TYPE>(static_cast<const Bias*>(args.bias)[row]);
  return t;
}
__device__ __forceinline__ Terms column_terms(const KernelArgs& args, i64 column) {
  Terms t;
  if (AK_COLUMN_SCALE) t.scale = args.column_scale[column];
  if (AK_BIAS == 1) t.bias = to_float<AK_BIAS_TYPE>(static_cast<const Bias*>(args.bias)[column]);
  return t;
}

__device__ __forceinline__ float load_c(const KernelArgs& args, int row, int column) {
#if AK_HAS_C
  return to_float<AK_OUT>(static_cast<const Out*>(args.c)[row * args.ldc + column]);
#else
  return 0.0f;
#endif
}

// What the activation is given.
__device__ __forceinline__ float pre_activation(const KernelArgs& args, float accumulator, const Terms& row,
                                                const Terms& column, float c) {
  float x = AK_UNIT_ALPHA ? accumulator : args.alpha * accumulator;
  if (AK_ROW_SCALE) x *= row.scale;
  if (AK_COLUMN_SCALE) x *= column.scale;
  if (AK_BIAS == 1) x += column.bias;
  if (AK_BIAS == 2) x += row.bias;
  if (AK_HAS_C) x += args.beta * c;
  return x;
}

// D's value in f32.
__device__ __forceinline__ float finish(const KernelArgs& args, const float (&pre)[kGates]) {
  const float y = math::activate(pre[0], args.slope);
  return AK_GATED ? y * pre[kGates - 1] : y;
}

// From accumulators to pre-activations, in place, and D's value: one element, its terms from memory.
__device__ __forceinline__ float finish_element(const KernelArgs& args, int row, int column, float (&x)[kGates]) {
  const Terms across = row_terms(args, row);
  const float c = load_c(args, row, column);
#pragma unroll
  for (int g = 0; g < kGates; ++g)
    x[g] = pre_activation(args, x[g], across, column_terms(args, column + static_cast<i64>(g) * args.n), c);
  return finish(args, x);
}

// D or a part of aux (0, gated: 0 and 1) on its way out.
struct Output {
  Out* data;
  i64 ld;
  bool pairs;  // two neighbours, the first at an even column, may be stored at once
  __device__ __forceinline__ Out* at(int row, int column) const { return data + row * ld + column; }
};
__device__ __forceinline__ Output output_d(const KernelArgs& args) {
  return {static_cast<Out*>(args.d), args.ldd, AK_ALIGN_D >= 2 * static_cast<int>(sizeof(Out))};
}
__device__ __forceinline__ Output output_aux(const KernelArgs& args, int part) {
  return {static_cast<Out*>(args.aux) + static_cast<i64>(part) * args.n, args.ldaux,
          AK_ALIGN_D >= 2 * static_cast<int>(sizeof(Out)) && (part == 0 || args.n % 2 == 0)};
}

// One element, any alignment: the way out for edges and odd leading dimensions.
__device__ __forceinline__ void store_one(const KernelArgs& args, int row, int column, float (&x)[kGates]) {
  *output_d(args).at(row, column) = from_float<AK_OUT>(finish_element(args, row, column, x));
#pragma unroll
  for (int g = 0; g < kAuxes; ++g) *output_aux(args, g).at(row, column) = from_float<AK_OUT>(x[g]);
}

}  // namespace ak
