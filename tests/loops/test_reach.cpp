// What rounds need to hold of an array.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "made.hpp"
#include "port/templates/reach.hpp"

using namespace ak;
using namespace made;

namespace {

std::string reach(const std::vector<loop::Node>& nodes) {
  return port::reach_text(nodes, "a", integer(1000, ScalarType::i64), "a");
}

std::string from_to(const std::string& first, const std::string& behind) {
  return "  long long a_first_ = " + first + ";\n  long long a_behind_ = " + behind + ";\n";
}
const std::string kAll = "  const long long a_first_ = 0, a_behind_ = 1000LL;\n";

loop::Node step_down(loop::Node loop) {
  loop.step = -1;
  return loop;
}

}  // namespace

TEST_CASE("reach: from the least to the greatest subscript of all loops around it, within the array") {
  const auto plus = [](Term a, int b) { return binary("+", std::move(a), integer(b)); };
  // for (j = 0; j < 64; j++) for (i = j + 1; i < 64; i++) a[i] -= a[j];
  const auto triangle = [&](const Term& target, const Term& source) {
    return std::vector{made::loop(1, "j", integer(0), integer(64),
                                  {made::loop(2, "i", plus(i32("j"), 1), integer(64),
                                              {assign(3, at("a", target), binary("-", at("a", target), at("a", source)))})})};
  };
  CHECK(reach(triangle(i32("i"), i32("j"))) == from_to("0LL", "64LL"));
  CHECK(reach(triangle(plus(i32("i"), 7), plus(i32("i"), -3))) == from_to("0LL", "71LL"));
  CHECK(reach(triangle(plus(i32("i"), 7), plus(i32("j"), 5))) == from_to("5LL", "71LL"));
  CHECK(reach(triangle(binary("*", integer(100), i32("i")), i32("j"))) == from_to("0LL", "1000LL"));
  const auto down = [&](const Term& subscript) {
    return std::vector{step_down(made::loop(1, "i", integer(40), integer(9), {assign(2, at("a", subscript), integer(1))}))};
  };
  CHECK(reach(down(i32("i"))) == from_to("10LL", "41LL"));
  CHECK(reach(down(binary("-", integer(50), i32("i")))) == from_to("10LL", "41LL"));
}

TEST_CASE("reach: all of the array where data, or what the loops change, is a subscript") {
  const auto over = [](const Term& subscript, std::vector<loop::Node> before = {}) {
    before.push_back(assign(8, at("a", subscript), integer(1)));
    return std::vector{made::loop(1, "i", integer(0), i32("n"), std::move(before))};
  };
  CHECK(reach(over(at("k", i32("i")))) == kAll);
  CHECK(reach(over(i32("place"), {assign(2, i32("place"), i32("i"))})) == kAll);
  CHECK(reach(over(binary("*", i32("i"), i32("i")))) == kAll);
  CHECK(reach(over(i32("m"))).find("(long long)m") != std::string::npos);
}

TEST_CASE("reach: a line for each end that may be the farthest, and all of the array where these are many") {
  const auto over = [](int ends) {
    std::vector<loop::Node> body;
    for (int j = 0; j < ends; ++j)
      for (int near = 0; near < 3; ++near)
        body.push_back(assign(2, at("a", binary("+", i32("m" + std::to_string(j)), integer(near))), integer(1)));
    return std::vector{made::loop(1, "i", integer(0), i32("n"), std::move(body))};
  };
  CHECK(reach(over(1)) ==
        "  long long a_first_ = (long long)m0;\n"
        "  if (const long long next_ = 0LL; next_ > a_first_) a_first_ = next_;\n"
        "  long long a_behind_ = (long long)((long long)m0 + 2) + 1LL;\n"
        "  if (const long long next_ = 1000LL; next_ < a_behind_) a_behind_ = next_;\n");
  const std::string eight = reach(over(8));
  CHECK(std::count(eight.begin(), eight.end(), '\n') == 18);
  CHECK(eight.size() < 2000);
  CHECK(reach(over(9)) == kAll);
}
