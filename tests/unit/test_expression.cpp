#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "ak/types.hpp"
#include "core/activation.hpp"
#include "core/expression.hpp"
#include "core/problem.hpp"

using namespace ak;

namespace {

std::string refusal(const std::string& text) {
  try {
    Expression::parse(text);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_argument);
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("an expression has C's precedence and f32's numbers") {
  const auto at = [](const char* text, double x, double slope = 0.5) { return Expression::parse(text)(x, slope); };
  CHECK(at("1 + 2 * x", 3) == 7);
  CHECK(at("(1 + 2) * x", 3) == 9);
  CHECK(at("6 / 4", 0) == 1.5);  // no integer division
  CHECK(at("8 - 4 - 2", 0) == 2);
  CHECK(at("8 / 4 / 2", 0) == 1);
  CHECK(at("-x * x", 3) == -9);
  CHECK(at("x - -1", 3) == 4);
  CHECK(at("x < 0 ? slope * x : x", -2) == -1);
  CHECK(at("x < -3 ? 0 : x > 3 ? x : x * (x + 3) / 6", 1) == doctest::Approx(4.0 / 6));
  CHECK(at("x >= 0 && !(x > 6) ? x : 0", 6) == 6);
  CHECK(at("x >= 0 && !(x > 6) ? x : 0", 6.5) == 0);
  CHECK(at("x == 1 || x != x ? 1.0f : 0", 1) == 1);
  CHECK(at("min(max(x, -1), abs(-2))", 5) == 2);
  CHECK(at("0.1", 0) == static_cast<double>(0.1f));
  CHECK(at("x * sigmoid(1.702f * x)", 2) == doctest::Approx(2 / (1 + std::exp(-2 * static_cast<double>(1.702f)))));
}

TEST_CASE("every built-in activation says the same as an expression") {
  for (int i = 0; i < kActivationCount; ++i) {
    const auto kind = static_cast<Activation>(i);
    CAPTURE(name(kind));
    const Expression parsed = Expression::parse(expression(kind));
    for (const double x : {-50.0, -3.0, -1.5, -1e-3, 0.0, 0.25, 2.0, 6.0, 31.0})
      CHECK(parsed(x, 0.125) == doctest::Approx(activate(kind, x, 0.125)).epsilon(1e-6));
  }
}

TEST_CASE("the canonical text parses to itself and to the same values") {
  for (const char* text :
       {"x", "x*sigmoid( 1.702f*x )", "x<0?slope*x:x", "(x+1)*(x-1)/(x*x+2)", "8-(4-2)", "8-4-2", "-(-x)", "-(x+1)",
        "(x<0?1:2)*x", "x<0?(x<-1?1:2):3", "!(x<0||x>1)&&x!=0?1:0", "1e-05*x", "max(x,0)+log1p(exp(-abs(x)))"}) {
    CAPTURE(text);
    const Expression once = Expression::parse(text), twice = Expression::parse(once.text()),
                     code = Expression::parse(once.code());
    CHECK(once.text() == twice.text());
    CHECK(once.text() == code.text());
    CHECK(once.text().find(' ') == std::string::npos);
    for (const double x : {-2.5, -1.0, -0.25, 0.0, 0.5, 3.0}) CHECK(once(x, 0.3) == twice(x, 0.3));
  }
}

TEST_CASE("what is no expression of x is refused with its place") {
  CHECK(refusal("").find("at position 0, found the end") != std::string::npos);
  CHECK(refusal("x; int y").find("position 1, found '; int y'") != std::string::npos);
  CHECK(refusal("y * 2").find("position 0, found 'y * 2'") != std::string::npos);
  CHECK(refusal("x * exit(1)").find("found 'exit(1)'") != std::string::npos);
  CHECK(refusal("x = 3").find("found '= 3'") != std::string::npos);
  CHECK(refusal("min(x)").find("expected ','") != std::string::npos);
  CHECK(refusal("(x").find("expected ')'") != std::string::npos);
  CHECK(refusal("x x").find("position 2") != std::string::npos);
  CHECK(refusal("x < 1").find("condition, expected a number") != std::string::npos);
  CHECK(refusal("x ? 1 : 0").find("number, expected a condition") != std::string::npos);
  CHECK(refusal("1 < x < 3 ? 1 : 0").find("expected a number") != std::string::npos);
  CHECK(refusal("1e99").find("f32 holds") != std::string::npos);
  CHECK(refusal("0x10").find("after a number") != std::string::npos);
  CHECK(refusal("x /* hm */").find("position") != std::string::npos);
  CHECK(refusal("x // hm").find("position") != std::string::npos);
  CHECK(refusal("x\n#include <a>").find("position") != std::string::npos);
  CHECK(refusal(std::string(2000, '(')).find("longer than") != std::string::npos);
  std::string grows = ".1";  // to "0.1", as keys have it
  while (grows.size() < 1000) grows += "+.1";
  CHECK(refusal(grows).find("longer than") != std::string::npos);
  CHECK(refusal(std::string(500, '(') + "x" + std::string(500, ')')).find("nested deeper") != std::string::npos);
  CHECK(refusal(std::string(500, '-') + "x").find("nested deeper") != std::string::npos);
}

TEST_CASE("an own activation is its text") {
  const Activation first = own_activation("x * sigmoid(1.702 * x)"), again = own_activation("x*sigmoid( 1.702f*x )");
  CHECK(first == again);
  CHECK(is_own(first));
  CHECK(known(first));
  CHECK(!known(static_cast<Activation>(255)));
  CHECK(name(first) == "x*sigmoid(1.702*x)");
  CHECK(activate(first, 0.7, 0) == doctest::Approx(0.7 / (1 + std::exp(-0.7 * static_cast<double>(1.702f)))));
  CHECK(own_activation("x*x") != first);
  CHECK(!parse_activation("gelu"));

  Problem p = parse_problem("16x32x64 bf16 x>=0?x:slope*x bias=column c");
  CHECK(is_own(p.epilogue.activation));
  CHECK(parse_problem(to_string(p)) == p);
  CHECK_THROWS_WITH_AS(parse_problem("16x32x64 bf16 y*y"), doctest::Contains("y*y"), Error);
}

TEST_CASE("texts of files leave callers room for activations of their own") {
  int taken = 0;
  for (int i = 0; i < 300; ++i) taken += parse_activation(fmt::format("x * {}", i + 1000)).has_value();
  CHECK(taken > 100);
  CHECK(taken < 200);
  const Activation own = own_activation("x * 999");
  CHECK(known(own));
  CHECK(parse_activation("x * 999") == own);  // what is there is found
  CHECK(parse_activation("x * 1000"));
}
