#include <doctest/doctest.h>

#include <cmath>

#include "core/activation.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"
#include "core/trial.hpp"

using namespace ak;

TEST_CASE("every activation has a name that parses back, and a finite value on both tails") {
  for (int i = 0; i < kActivationCount; ++i) {
    const auto activation = static_cast<Activation>(i);
    CAPTURE(std::string(name(activation)));
    CHECK(parse_activation(name(activation)) == activation);
    CHECK(!expression(activation).empty());
    for (const double x : {-50.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 50.0}) CHECK(std::isfinite(activate(activation, x, 0.01)));
    CHECK(std::isnan(activate(activation, std::nan(""), 0.01)));
  }
  CHECK(!parse_activation("swish2"));
}

TEST_CASE("activations have the values their definitions give") {
  CHECK(activate(Activation::leaky_relu, -2, 0.25) == doctest::Approx(-0.5));
  CHECK(activate(Activation::silu, 1, 0) == doctest::Approx(0.7310585786));
  CHECK(activate(Activation::gelu_erf, 1, 0) == doctest::Approx(0.8413447461));
  CHECK(activate(Activation::gelu_tanh, 1, 0) == doctest::Approx(0.8411919906));
  CHECK(activate(Activation::mish, 1, 0) == doctest::Approx(0.8650983883));
  CHECK(activate(Activation::hard_swish, 1, 0) == doctest::Approx(4.0 / 6));
  CHECK(activate(Activation::softplus, -30, 0) == doctest::Approx(std::exp(-30.0)));
  CHECK(activate(Activation::elu, -1, 0) == doctest::Approx(std::exp(-1.0) - 1));
  CHECK(activate(Activation::relu_squared, 3, 0) == 9);
}

TEST_CASE("a problem's text reads back to the same problem") {
  Problem p;
  p.m = 333, p.n = 1001, p.k = 777;
  p.in = DType::f16;
  p.a_major = Major::mn;
  p.align_a = 2, p.align_d = 4;
  p.epilogue = {Activation::silu, DType::f32, BiasAxis::row, DType::f32, true, false};
  p.numerics = Numerics::deterministic;
  p.batch = 12;
  CHECK(to_string(p).ends_with(" batch=12"));
  CHECK(parse_problem(to_string(p)) == p);
  CHECK(hash(parse_problem(to_string(p))) == hash(p));
  for (int bits = 0; bits < 16; ++bits) {
    Problem q = p;
    auto& e = q.epilogue;
    e.has_c = false, q.align_c = 16;
    e.bias = BiasAxis::column;
    e.gated = bits & 1, e.aux = bits & 2, e.row_scale = bits & 4, e.column_scale = bits & 8;
    CHECK(parse_problem(to_string(q)) == q);
    CHECK(hash(parse_problem(to_string(q))) == hash(q));
    CHECK((hash(q) == hash(p)) == false);
  }
  CHECK(parse_problem("16x32x64") == [] {
    Problem q;
    q.m = 16, q.n = 32, q.k = 64;
    return q;
  }());
}

TEST_CASE("flops and bytes count both products of a gated problem, aux and the scales") {
  const Problem plain = parse_problem("16x32x64"), gated = parse_problem("16x32x64 gated");
  CHECK(plain.flops() == 2.0 * 16 * 32 * 64);
  CHECK(gated.flops() == 2 * plain.flops());
  CHECK(plain.bytes() == 2.0 * (16 * 64 + 32 * 64 + 16 * 32));
  CHECK(gated.bytes() == 2.0 * (16 * 64 + 2 * 32 * 64 + 16 * 32));
  CHECK(parse_problem("16x32x64 aux").bytes() == plain.bytes() + 2.0 * 16 * 32);
  CHECK(parse_problem("16x32x64 gated aux scale=both").bytes() == gated.bytes() + 2.0 * 2 * 16 * 32 + 4.0 * (16 + 64));
}

TEST_CASE("a bad problem or tactic names the bad token") {
  CHECK_THROWS_WITH_AS(parse_problem("16x32"), doctest::Contains("16x32"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 batch=0"), doctest::Contains("batch=0"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 batch=2147483648"), doctest::Contains("batch=2147483648"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 bf61"), doctest::Contains("bf61"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 align=3,2,2,2"), doctest::Contains("align=3"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2147483648x3"), doctest::Contains("2^31"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x1073741824x3 gated"), doctest::Contains("2^31"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x9223372036854775807x3 gated"), doctest::Contains("2^31"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x9223372036854775808x3"), doctest::Contains("over 2^63 - 1"), Error);
  CHECK_THROWS_WITH_AS(parse_problem(""), doctest::Contains("MxNxK first"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3x4"), doctest::Contains("expected MxNxK"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 align=2,2,2"), doctest::Contains("four alignments"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 align=2,2,2,2,2"), doctest::Contains("four alignments"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 bias=diagonal"), doctest::Contains("bias=column|row"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 out=f32 align=16,16,16,2"), doctest::Contains("multiples of 4"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 scale=rows"), doctest::Contains("scale=row|column|both"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 gated c"), doctest::Contains("no C"), Error);
  CHECK_THROWS_WITH_AS(parse_problem("1x2x3 gated bias=row"), doctest::Contains("along its columns"), Error);
  CHECK(parse_problem("1x2x3 align=16,16,4,16") == parse_problem("1x2x3"));  // no C, so its alignment is none
  CHECK_THROWS_WITH_AS(parse_tactic("sm91 tile_m=1"), doctest::Contains("sm91"), Error);
  CHECK_THROWS_WITH_AS(parse_tactic("sm90 tile_q=1"), doctest::Contains("tile_q"), Error);
  CHECK_THROWS_WITH_AS(parse_tactic("sm90 tile_m=99999"), doctest::Contains("tile_m=99999"), Error);
}

TEST_CASE("a tactic's text reads back to the same tactic") {
  Tactic t;
  t.family = FamilyId::sm90;
  std::int16_t value = 2;
  for (const Knob& knob : kKnobs) t.*knob.member = knob.name == "schedule" ? 2 : value++;
  CHECK(parse_tactic(to_string(t)) == t);
  CHECK(to_string(parse_tactic("sm90 schedule=pingpong")) == "sm90 schedule=pingpong");
}

TEST_CASE("outcomes have names that parse back") {
  for (int i = 0; i < 7; ++i) CHECK(parse_outcome(name(static_cast<Outcome>(i))) == static_cast<Outcome>(i));
}
