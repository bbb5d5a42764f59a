// The functions that an activation may use, in double; kernels/activation.cuh has the same in float.
#pragma once

#include <cmath>

namespace ak::math {

inline double exp(double x) { return std::exp(x); }
inline double expm1(double x) { return std::expm1(x); }
inline double log1p(double x) { return std::log1p(x); }
inline double tanh(double x) { return std::tanh(x); }
inline double erfc(double x) { return std::erfc(x); }
inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double min(double a, double b) { return a != a || b != b ? a + b : std::fmin(a, b); }
inline double max(double a, double b) { return a != a || b != b ? a + b : std::fmax(a, b); }
inline double abs(double x) { return std::fabs(x); }

}  // namespace ak::math
