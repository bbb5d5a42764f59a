// Holds D to its problem, element by element, with the activation in double.
#pragma once

#include "kernels/support/probe.cuh"

namespace ak::probe {

// The activations in double, so that the float ones of the kernels are held to something better than themselves.
namespace exact {
__device__ inline double exp(double x) { return ::exp(x); }
__device__ inline double expm1(double x) { return ::expm1(x); }
__device__ inline double log1p(double x) { return ::log1p(x); }
__device__ inline double tanh(double x) { return ::tanh(x); }
__device__ inline double erfc(double x) { return ::erfc(x); }
__device__ inline double sigmoid(double x) { return 1 / (1 + ::exp(-x)); }
__device__ inline double min(double a, double b) { return ::fmin(a, b); }
__device__ inline double max(double a, double b) { return ::fmax(a, b); }
__device__ inline double abs(double x) { return ::fabs(x); }
}  // namespace exact

// Every element of args.d.
template <class Activation>
__device__ __forceinline__ void compare(const KernelArgs& args, const Comparison& what, Finding* finding) {
  const auto act = [&](double x) { return Activation::apply(x, static_cast<double>(args.slope)); };
  float worst = 0;
  ak::u64 bad = 0, first = ~0ull;
  for (i64 r = blockIdx.y; r < args.m; r += gridDim.y)
    for (i64 c = thread(); c < args.n; c += threads()) {
      const float got = load(args.d, r * args.ldd + c, what.out);
      const double bias = what.bias_axis ? load(args.bias, what.bias_axis == 1 ? c : r, what.bias_type) : 0.0f;
      const double beta_c = args.c ? args.beta * load(args.c, r * args.ldc + c, what.out) : 0.0f;
      const float p = what.reference.pre[r * args.n + c];
      double error;
      if (!accepts(got, p, slack(what.tolerance, p, what.reference.row_norms[r], what.reference.column_norms[c], bias, beta_c), what.out, act,
                   &error, what.tolerance.formula)) {
        ++bad;
        first = ::min(first, static_cast<ak::u64>(r * args.n + c));
      }
      worst = fmaxf(worst, static_cast<float>(error));
    }
  for (int d = 16; d; d /= 2) worst = fmaxf(worst, __shfl_xor_sync(~0u, worst, d));
  if (threadIdx.x % 32 == 0 && worst > 0) atomicMax(&finding->error, __float_as_uint(worst));
  if (bad) {
    atomicAdd(&finding->violations, static_cast<unsigned long long>(bad));
    atomicMin(&finding->first, static_cast<unsigned long long>(first));
  }
}

}  // namespace ak::probe
