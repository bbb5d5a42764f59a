// When is an element of D right? One definition for the device's compare kernel and the host's unit tests.
//
// The reference gives the linear part p = alpha*acc + bias + beta*c in f32. A right kernel may have summed in another order,
// on tensor cores that truncate, and rounded in other places; so its own p lies within `slack` of ours, and D may be the
// activation of anything in between, rounded to the output type. Where that is infinite or no number, D is too.
#pragma once

#if defined(__CUDACC__)
#define AK_HOST_DEVICE __host__ __device__
#else
#include <cmath>
#define AK_HOST_DEVICE
#endif

namespace ak {

constexpr double kUnit = 1.0 / 16777216;  // 2^-24: half an ulp of f32, relative

// What a comparison must know besides the element.
struct Tolerance {
  double k = 0;
  double alpha = 1;
  // 0 where every sum is exact (small integers), else 1.
  double summation = 1;
  // Error of the activation's own formula per unit of |p|. 0 for ours; cuBLASLt's x/2 (1 + tanh) is nothing at all where its
  // f32 tanh is -1.
  double formula = 0;
};

// Half an ulp, relative, of an ak::DType (f16, bf16, f32).
AK_HOST_DEVICE inline double relative_half_ulp(int type) { return type == 0 ? 1.0 / 2048 : type == 1 ? 1.0 / 256 : kUnit; }
// What flushing a denormal costs: one step of f16's, f32's smallest normal number for the others.
AK_HOST_DEVICE inline double denormal_step(int type) { return type == 0 ? 5.9604644775390625e-08 : 1.1754943508222875e-38; }
AK_HOST_DEVICE inline double largest(int type) {
  return type == 0 ? 65504.0 : type == 1 ? 3.3895313892515355e38 : 3.4028234663852886e38;
}
AK_HOST_DEVICE inline bool is_nan(double x) { return x != x; }
AK_HOST_DEVICE inline bool is_finite(double x) { return fabs(x) <= 1.7976931348623157e308; }

// Distance from p within which a right kernel's own linear part lies. row_norm and column_norm are the Euclidean norms of
// A's row and B's column: sums of k products of independent signs have partial sums of norm_a * norm_b / sqrt(k) * sqrt(j), so
// an f32 accumulation with one rounding a step is off by about 2^-24 * norm_a * norm_b. The term in sqrt(k) and the one
// in k are the shrink of tensor cores that truncate after every eight products.
AK_HOST_DEVICE inline double slack(const Tolerance& t, double p, double row_norm, double column_norm, double bias,
                                   double beta_c) {
  if (!is_finite(p)) return 0;
  const double addends = fabs(bias) + fabs(beta_c), norms = fabs(t.alpha) * row_norm * column_norm;
  const double product = fabs(p) + addends;
  const double sum = t.summation * ((8 + sqrt(t.k) / 8) * norms + t.k / 8 * product);
  return kUnit * (sum + 4 * (product + addends));
}

// The same where a factor of D is infinite or no number: D is of its kind, for no order of a sum changes that. What may not be
// told: a finite factor within its slack of 0 beside an infinite one, and an activation at the end of its domain.
template <class Activate>
AK_HOST_DEVICE inline bool accepts_without_bound(double got, double p, double p_slack, int type, const Activate& activate,
                                                 double up, double up_slack) {
  const double gate = activate(p), want = gate * up;
  if (is_nan(p) || is_nan(up)) return is_nan(got);
  const bool known = is_finite(p) && is_finite(p_slack);
  if (known && (is_nan(activate(p - p_slack)) || is_nan(activate(p + p_slack)))) {
    if (is_nan(activate(p - p_slack)) != is_nan(activate(p + p_slack))) return true;
    return is_nan(got);
  }
  const bool may_vanish = is_finite(up) ? fabs(up) <= up_slack : fabs(gate) <= (known ? p_slack : 0.0);
  if (may_vanish && !(is_finite(gate) && is_finite(up))) return !is_finite(got) || fabs(got) > largest(type);
  // inf * 0 of a formula whose limit is 0: x * sigmoid(x) at -inf.
  if (is_nan(want)) return is_nan(got) || (is_finite(up) && got == 0);
  if (!is_finite(want)) return fabs(got) > largest(type) && (got > 0) == (want > 0);
  return fabs(got - want) <= relative_half_ulp(type) * 1.01 * fabs(want) + fabs(want) / 262144 + denormal_step(type);
}

// Whether `got`, read back from D, is the activation of something within `slack` of p, times something within `up_slack` of `up`
// (the other factor of a gated product), rounded to `type`. `error` gets |got - want| over what is allowed: the smaller, the
// more the bound has in reserve.
template <class Activate>
AK_HOST_DEVICE inline bool accepts(double got, double p, double slack, int type, const Activate& activate, double* error,
                                   double formula = 0, double up = 1, double up_slack = 0) {
  *error = 1e30;
  const double gate = activate(p), want = gate * up, up_most = fabs(up) + up_slack;
  if (!is_finite(gate) || !is_finite(p) || !is_finite(up) || is_nan(activate(p - slack)) || is_nan(activate(p + slack))) {
    const bool right = accepts_without_bound(got, p, slack, type, activate, up, up_slack);
    *error = right ? 0 : 1e30;
    return right;
  }
  if (is_nan(got)) return false;
  const double below = fabs(activate(p - slack) - gate), above = fabs(activate(p + slack) - gate);
  const double half = relative_half_ulp(type);
  // 2^-18: what the device's exp, tanh and erfc may lose. The last term: x * sigmoid(x) with a flushed sigmoid.
  const double spread = ((below > above ? below : above) + fabs(gate) / 262144 + formula * fabs(p)) * up_most + fabs(gate) * up_slack;
  const double allowed =
      spread + half * 1.01 * (fabs(want) + spread) + denormal_step(type) * (1 + fabs(p)) * (up_most > 1 ? up_most : 1);
  // Overflow is right where the reference may overflow too.
  if (fabs(got) > largest(type)) {
    const bool right = (got > 0) == (want > 0) && fabs(want) + spread * 1.01 >= largest(type) * (1 + half / 2);
    *error = right ? 0 : 1e30;
    return right;
  }
  if (!(allowed < 1e300) || !(want == want)) return false;
  *error = fabs(got - want) / allowed;
  return *error <= 1;
}

}  // namespace ak
