// A caller's own activation.
#include "core/expression.hpp"

#include "fuzz.hpp"

using namespace ak;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::taken_or_refused([&] {
    const Expression expression = Expression::parse(fuzz::view(data, size));
    const Expression again = Expression::parse(expression.text());
    fuzz::require(again.text() == expression.text() && again.code() == expression.code(),
                  "a text comes back as it was written");
    for (const double x : {-3.0, -0.0, 0.5, 1e30}) {
      const double a = expression(x, 0.25), b = again(x, 0.25);
      fuzz::require(a == b || (a != a && b != b), "it has one value");
    }
  });
  return 0;
}
