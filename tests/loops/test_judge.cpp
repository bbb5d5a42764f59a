// Whether what a kernel left is right: bounds, bits, guard bands, and what proves nothing.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "ak/types.hpp"
#include "made.hpp"
#include "port/proof/judge.hpp"

using namespace ak::port;
using ak::loop::ScalarType;

namespace {

// b[i] = value, as C and double have it.
struct OneCase {
  Case given = laid_out(made::halved(), {{"n", 100}});
  Expected expected;
  std::vector<Memory> got;

  explicit OneCase(double value = 1) {
    for (int i = 0; i < 100; ++i) given.memories[0].set<float>(i, 7);
    for (int i = 0; i < 101; ++i) given.memories[1].set<float>(i, 3);
    expected = {given.memories, widened(given.memories)};
    for (int i = 0; i < 100; ++i) both(i, value, value);
    got = expected.c;
  }
  void both(int at, double c, double in_double) {
    expected.c[0].set<float>(at, static_cast<float>(c));
    expected.in_double[0].set<double>(at, in_double);
  }
  Judgement judgement(bool bits = false) const { return judge(given, expected, got, bits); }
};

}  // namespace

TEST_CASE("judge: the bound grows with the function's own rounding") {
  CHECK(bound(1, 1, ScalarType::f32) == doctest::Approx(2e-3));
  CHECK(bound(1000, 1000, ScalarType::f32) == doctest::Approx(1.001));
  CHECK(bound(1, 1.5, ScalarType::f32) == doctest::Approx(4));
  CHECK(bound(1, 1, ScalarType::f64) == doctest::Approx(2e-9));
  const double infinity = HUGE_VAL, nan = std::nan("");
  CHECK(bound(infinity, infinity, ScalarType::f32) == 0);
  CHECK(bound(nan, nan, ScalarType::f32) == 0);
  CHECK(std::isinf(bound(infinity, 1e39, ScalarType::f32)));
}

TEST_CASE("judge: a wrong element is named with both values and the bound") {
  OneCase right;
  CHECK(right.judgement().right());
  CHECK(right.judgement(true).right());
  CHECK(right.judgement().compared == 100);
  OneCase near;
  near.got[0].set<float>(42, 1.001f);
  CHECK(near.judgement().right());
  CHECK(near.judgement(true).fault == "b[42] is 1.00100005, not 1 (equal bits are due)");
  OneCase wrong;
  wrong.got[0].set<float>(42, 1.5f);
  CHECK(wrong.judgement().fault == "b[42] is 1.5, not 1 (in double 1, bound 0.002)");
}

TEST_CASE("judge: NaN and infinity are right where they are due, and only there") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  OneCase judged;
  judged.both(1, nan, std::nan(""));
  judged.both(2, infinity, HUGE_VAL);
  judged.got[0].set<float>(1, -nan);
  judged.got[0].set<float>(2, infinity);
  CHECK(judged.judgement(true).right());
  judged.got[0].set<float>(1, 3);
  CHECK(judged.judgement().fault.starts_with("b[1] is 3, not nan"));
  judged.got[0].set<float>(1, nan);
  judged.got[0].set<float>(2, -infinity);
  CHECK(judged.judgement().fault.starts_with("b[2] is -inf, not inf"));
  judged.got[0].set<float>(2, infinity);
  judged.got[0].set<float>(3, nan);
  CHECK(judged.judgement().fault.starts_with("b[3] is nan, not 1"));
}

TEST_CASE("judge: near overflow, partial results of another order may have overflowed: that proves nothing") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  OneCase judged;
  judged.both(1, HUGE_VAL, HUGE_VAL), judged.got[0].set<float>(1, nan);
  judged.both(2, 1e30, 1e30), judged.got[0].set<float>(2, infinity);
  CHECK(judged.judgement().right());
  CHECK(judged.judgement().loose == 2);
  CHECK(judged.judgement(true).fault.starts_with("b[1] is nan, not inf"));
  judged.got[0].set<float>(2, 1);
  CHECK(judged.judgement().fault.starts_with("b[2] is 1, not 1.0"));
  judged.both(2, 1e20, 1e20), judged.got[0].set<float>(2, infinity);
  CHECK(judged.judgement().fault.starts_with("b[2] is inf, not 1.0"));
}

TEST_CASE("judge: what is written beside an array, or to an input, is a fault whatever the values are") {
  OneCase beside;
  beside.got[0].set<float>(100, 1);
  CHECK(beside.judgement().fault == "something was written before or behind b[0]");
  OneCase before;
  before.got[1].set<float>(-1, 1);
  CHECK(before.judgement().fault == "something was written before or behind a[0]");
  OneCase input;
  input.got[1].set<float>(100, 3.5f);
  CHECK(input.judgement().fault == "a[100], an input, was changed to 3.5");
}

TEST_CASE("judge: what is accepted by a bound above the value proves nothing") {
  OneCase loose;
  for (int i = 0; i < 5; ++i) {
    loose.both(i, 1, 3);
    loose.got[0].set<float>(i, -5);
  }
  CHECK(loose.judgement().right());
  CHECK(loose.judgement().loose == 5);
  CHECK(loose.judgement().loosest == "b");
  CHECK(loose.judgement().weak());
  // 1e-6 is below every bound; what comes near it is evidence, what does not is none.
  OneCase small(1e-6);
  for (int i = 0; i < 50; ++i) small.got[0].set<float>(i, 1.001e-6f);
  CHECK(small.judgement().loose == 0);
  for (int i = 0; i < 50; ++i) small.got[0].set<float>(i, 2e-6f);
  CHECK(small.judgement().loose == 50);
  OneCase equal;
  for (int i = 0; i < 5; ++i) equal.both(i, 1, 3);
  equal.got = equal.expected.c;
  CHECK(equal.judgement().loose == 0);
}

TEST_CASE("judge: integers are exact") {
  using namespace made;
  const Function counted = function("counted", {size("n"), array("k", i32("n"), false, ScalarType::i32)}, {});
  Case given = laid_out(counted, {{"n", 3}});
  for (int i = 0; i < 3; ++i) given.memories[0].set<std::int32_t>(i, 1000000 + i);
  const Expected expected{given.memories, widened(given.memories)};
  std::vector<Memory> got = given.memories;
  CHECK(judge(given, expected, got, false).right());
  got[0].set<std::int32_t>(2, 1000003);
  CHECK(judge(given, expected, got, false).fault == "k[2] is 1000003, not 1000002");
  got[0].set<std::int32_t>(2, -2147471304);
  CHECK(judge(given, expected, got, false)
            .fault.ends_with("not 1000002 (an integer that overflows is undefined in C: -- -fwrapv makes it wrap around)"));
}

TEST_CASE("judge: arrays that overlap lie in one memory") {
  const Case given = laid_out(made::halved(), {{"n", 10}}, {{"a", "b", 2}});
  REQUIRE(given.memories.size() == 1);
  CHECK(given.memories[0].elements == 13);
  CHECK(given.arguments[2].offset == 2);
  CHECK(element_name(given, 0, 12) == "a[10]");
  const Case before = laid_out(made::halved(), {{"n", 10}}, {{"a", "b", -3}});
  CHECK(before.memories[0].elements == 13);
  CHECK(before.arguments[1].offset == 3);
  CHECK(before.arguments[2].offset == 0);
  CHECK_THROWS_WITH_AS(laid_out(made::halved(), {{"n", 10}}, {{"c", "b", 0}}),
                       "an overlap with 'c', which is no array of 'halved'", ak::Error);
}

TEST_CASE("judge: a length that is not known is named, with what to do") {
  made::Function function = made::halved();
  function.parameters[2].length_known = false;
  CHECK_THROWS_WITH_AS(laid_out(function, {{"n", 4}}),
                       "the length of 'a' is not known: write it in the parameter, a[n], or give --length a=n", ak::Error);
  CHECK_THROWS_WITH_AS(laid_out(made::halved(), {}), "the length n of 'b' cannot be computed from the arguments", ak::Error);
}

TEST_CASE("judge: the sign of a zero counts, but where C leaves it open") {
  OneCase zero;
  zero.both(7, -0.0, -0.0);
  zero.got[0].set<float>(7, 0.0f);
  CHECK(zero.judgement(true).fault == "b[7] is 0, not -0 (by the sign of zero)");
  CHECK(differs(zero.given, zero.expected.c, zero.got));
  zero.expected.either_zero = true;
  CHECK(zero.judgement(true).right());
  CHECK_FALSE(differs(zero.given, zero.expected.c, zero.got, true));
  zero.got[0].set<float>(7, 1e-30f);
  CHECK_FALSE(zero.judgement(true).right());
}
