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
__device__ inline double min(double a, double b) { return a != a || b != b ? a + b : ::fmin(a, b); }
__device__ inline double max(double a, double b) { return a != a || b != b ? a + b : ::fmax(a, b); }
__device__ inline double abs(double x) { return ::fabs(x); }
}  // namespace exact

// Every element of args.d, and of args.aux when there is one.
template <class Activation>
__device__ __forceinline__ void compare(const KernelArgs& args, const Comparison& what, Finding* finding) {
  const auto act = [&](double x) { return Activation::apply(x, static_cast<double>(args.slope)); };
  const i64 wide = args.b2 ? 2ll * args.n : args.n;
  float worst = 0;
  u64 bad = 0, first = ~0ull, aux_bad = 0, aux_first = ~0ull;
  for (i64 r = blockIdx.y; r < args.m; r += gridDim.y)
    for (i64 c = thread(); c < args.n; c += threads()) {
      // What a right kernel's linear part of a column may be off by; its aux is held to that at once.
      const auto room = [&](i64 column, double p) {
        const double bias = what.bias_axis ? load(args.bias, what.bias_axis == 1 ? column : r, what.bias_type) : 0.0f;
        const double beta_c = args.c ? args.beta * load(args.c, r * args.ldc + c, what.out) : 0.0f;
        const double room = slack(what.tolerance, p, what.reference.row_norms[r], what.reference.column_norms[column], bias, beta_c);
        if (!args.aux) return room;
        double error;
        const float got = load(args.aux, r * args.ldaux + column, what.out);
        if (!accepts(got, p, room, what.out, [](double x) { return x; }, &error)) {
          ++aux_bad;
          aux_first = ::min(aux_first, static_cast<u64>(r * wide + column));
        }
        worst = fmaxf(worst, static_cast<float>(error));
        return room;
      };
      const double p = what.reference.pre[r * wide + c], p_room = room(c, p);
      const double up = args.b2 ? what.reference.pre[r * wide + args.n + c] : 1.0f, up_room = args.b2 ? room(args.n + c, up) : 0.0;
      double error;
      if (!accepts(load(args.d, r * args.ldd + c, what.out), p, p_room, what.out, act, &error, what.tolerance.formula, up, up_room)) {
        ++bad;
        first = ::min(first, static_cast<u64>(r * args.n + c));
      }
      worst = fmaxf(worst, static_cast<float>(error));
    }
  for (int d = 16; d; d /= 2) worst = fmaxf(worst, __shfl_xor_sync(~0u, worst, d));
  if (threadIdx.x % 32 == 0 && worst > 0) atomicMax(&finding->error, __float_as_uint(worst));
  if (bad) {
    atomicAdd(&finding->violations, static_cast<unsigned long long>(bad));
    atomicMin(&finding->first, static_cast<unsigned long long>(first));
  }
  if (aux_bad) {
    atomicAdd(&finding->aux_violations, static_cast<unsigned long long>(aux_bad));
    atomicMin(&finding->aux_first, static_cast<unsigned long long>(aux_first));
  }
}

}  // namespace ak::probe
