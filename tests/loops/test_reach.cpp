// What rounds need to hold of an array.
#include <doctest/doctest.h>

#include "made.hpp"
#include "port/templates/reach.hpp"

using namespace ak;
using namespace made;

namespace {

std::string reach(const std::vector<loop::Node>& nodes, const Term& length = integer(1000, ScalarType::i64)) {
  const port::Reach found = port::reach_of(nodes, "a", length);
  return loop::c_text(found.first) + " to " + loop::c_text(found.behind);
}

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
  CHECK(reach(triangle(i32("i"), i32("j"))) == "0LL to 64LL");
  CHECK(reach(triangle(plus(i32("i"), 7), plus(i32("i"), -3))) == "0LL to 71LL");
  CHECK(reach(triangle(plus(i32("i"), 7), plus(i32("j"), 5))) == "5LL to 71LL");
  CHECK(reach(triangle(binary("*", integer(100), i32("i")), i32("j"))) == "0LL to 1000LL");
  const auto down = [&](const Term& subscript) {
    return std::vector{step_down(made::loop(1, "i", integer(40), integer(9), {assign(2, at("a", subscript), integer(1))}))};
  };
  CHECK(reach(down(i32("i"))) == "10LL to 41LL");
  CHECK(reach(down(binary("-", integer(50), i32("i")))) == "10LL to 41LL");
}

TEST_CASE("reach: all of the array where data, or what the loops change, is a subscript") {
  const auto over = [](const Term& subscript, std::vector<loop::Node> before = {}) {
    before.push_back(assign(8, at("a", subscript), integer(1)));
    return std::vector{made::loop(1, "i", integer(0), i32("n"), std::move(before))};
  };
  CHECK(reach(over(at("k", i32("i")))) == "0LL to 1000LL");
  CHECK(reach(over(i32("place"), {assign(2, i32("place"), i32("i"))})) == "0LL to 1000LL");
  CHECK(reach(over(binary("*", i32("i"), i32("i")))) == "0LL to 1000LL");
  CHECK(reach(over(i32("m"))).find("(long long)m") != std::string::npos);
}
