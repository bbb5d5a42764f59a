// Rewritings that make accesses in another order, which is wrong where arrays overlap.
#include <doctest/doctest.h>

#include <string>

#include "analyser/analyse.hpp"
#include "made.hpp"
#include "port/candidates.hpp"
#include "text_verdict.hpp"

using namespace ak;

namespace {

std::string body(const loop::Function& function) { return "\n" + loop::c_text(function.body, 0); }

const std::string kUntilKept =
    "void f(int n, const float* a, const int* c, float* b) {\n"
    "  int k = 0;\n"
    "  for (int i = 0; i < n; i++) {\n    b[k] = a[i];\n    if (c[i] > 0) k++;\n  }\n}\n";
const std::string kSumByPairs =
    "void f(int n, const float* a, float* b) {\n"
    "  for (int i = 0; i < n; i += 2) b[0] = b[0] + a[i] + a[i + 1];\n}\n";

}  // namespace

TEST_CASE("flow: where arrays may overlap, writes stay in the order of the text") {
  const std::string as_written = R"(
k = 0;
for (int i = 0; i < n; ++i) {
  b[k] = a[i];
  if (c[i] > 0) {
    k = k + 1;
  }
}
)";
  const loop::Verdict apart = test::verdict_of_text(kUntilKept);
  CHECK(body(apart.function) != as_written);
  CHECK(body(for_every_call(apart)) == as_written);
  CHECK(for_every_call(apart).parameters == apart.function.parameters);
  const std::string serial = port::serial_candidate(for_every_call(apart), true).text;
  CHECK(serial.find("b[k] = a[i]") < serial.find("if (c[i] > 0)"));
  const loop::Verdict overlapping = test::verdict_of_text(kUntilKept, {{}, {{"b", "a", 0}}});
  CHECK(body(overlapping.function) == as_written);
  CHECK(!overlapping.as_read);
}

TEST_CASE("flow: where arrays may overlap, a sum's terms are read before it is written") {
  const loop::Verdict apart = test::verdict_of_text(kSumByPairs);
  CHECK(body(apart.function).find("b[0] = b[0] + a[i];") != std::string::npos);
  CHECK(body(for_every_call(apart)).find("a[i + 1]") != std::string::npos);
  CHECK(body(test::verdict_of_text(kSumByPairs, {{}, {{"b", "a", 1}}}).function).find("a[i + 1]") != std::string::npos);
}

TEST_CASE("flow: where a loop begins at its counter, nothing is said of its begin behind it") {
  // for (i = k; i < n) { b[k] = a[i]; if (c[i] > 0) k = k + 2; }
  using namespace made;
  const loop::Function function = made::function(
      "f",
      {size("n"), size("k"), array("a", i32("n"), true), array("c", i32("n"), true, ScalarType::i32), array("b", i32("n"))},
      {made::loop(1, "i", i32("k"), i32("n"),
                  {assign(2, at("b", i32("k")), at("a", i32("i"))),
                   branch(3, binary(">", at("c", i32("i"), ScalarType::i32), integer(0)),
                          {assign(4, i32("k"), binary("+", i32("k"), integer(2)))})})});
  CHECK(body(analyser::analyse(function, {}).function) == body(function));
}
