#include <doctest/doctest.h>

#include "timing/drift.hpp"

using namespace ak;

TEST_CASE("drift is how far a time is from the first one, where the clock does not explain it") {
  Drift drift;
  CHECK(drift.value() == 0);
  drift.note(100, 1900);
  CHECK(drift.value() == 0);
  drift.note(110, 1900);  // a neighbour
  CHECK(drift.value() == doctest::Approx(0.1));
  drift.note(125, 1520);  // the chip's own heat
  CHECK(drift.value() == doctest::Approx(0));
  drift.note(100, 1520);  // the same time on a slower clock is no slower
  CHECK(drift.value() == doctest::Approx(0));
  drift.note(80, 0);
  CHECK(drift.value() == doctest::Approx(0.2));
}
