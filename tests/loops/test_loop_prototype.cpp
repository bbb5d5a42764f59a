// A loop's arguments as a call gives them.
#include <doctest/doctest.h>

#include "ak/types.hpp"
#include "context/loop_arguments.hpp"
#include "made.hpp"

using namespace ak;

TEST_CASE("loop prototype: variables of file scope are named where arguments lack") {
  using namespace made;
  Parameter window = array("window", integer(4), true);
  window.implicit = true;
  const LoopPrototype prototype(function("win", {size("n"), array("y", i32("n")), window}, {}));
  LoopValues values;
  CHECK_THROWS_WITH_AS(gather(prototype, nullptr, nullptr, 2, values),
                       "win: takes 3 arguments (int n, float* y, const float* window), not 2; of file scope, behind the "
                       "function's own: window",
                       Error);
}
