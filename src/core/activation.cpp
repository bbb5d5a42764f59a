#include "core/activation.hpp"

#include <cmath>

namespace ak {
namespace math {
namespace {

// The vocabulary of activations.def; kernels/activation.cuh has the same in float.
double exp(double x) { return std::exp(x); }
double expm1(double x) { return std::expm1(x); }
double log1p(double x) { return std::log1p(x); }
double tanh(double x) { return std::tanh(x); }
double erfc(double x) { return std::erfc(x); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double min(double a, double b) { return std::fmin(a, b); }
double max(double a, double b) { return std::fmax(a, b); }
double abs(double x) { return std::fabs(x); }

double activate(Activation activation, double x, [[maybe_unused]] double slope) {
  switch (activation) {
#define AK_ACTIVATION(name, expression) \
  case Activation::name:                \
    return expression;
#include "ak/activations.def"
#undef AK_ACTIVATION
  }
  return x;
}

}  // namespace
}  // namespace math

namespace {

struct Row {
  std::string_view name, expression;
};
constexpr Row kRows[] = {
#define AK_ACTIVATION(name, expression) {#name, #expression},
#include "ak/activations.def"
#undef AK_ACTIVATION
};
static_assert(std::size(kRows) == kActivationCount);

}  // namespace

std::string_view name(Activation activation) { return kRows[static_cast<int>(activation)].name; }
std::string_view expression(Activation activation) { return kRows[static_cast<int>(activation)].expression; }

std::optional<Activation> parse_activation(std::string_view text) {
  for (int i = 0; i < kActivationCount; ++i)
    if (kRows[i].name == text) return static_cast<Activation>(i);
  return std::nullopt;
}

double activate(Activation activation, double x, double slope) { return math::activate(activation, x, slope); }

}  // namespace ak
