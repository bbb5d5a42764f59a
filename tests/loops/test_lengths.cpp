// Lengths of arrays that a text leaves open.
#include <doctest/doctest.h>

#include "analyser/analyse.hpp"
#include "made.hpp"

using namespace ak;
using namespace made;

namespace {

// void copy(int n, float* a, const float* b) { for (i < n) a[i] = b[i + 1]; }
loop::Function copy_function() {
  loop::Function function{
      "copy",
      ScalarType::none,
      {size("n"), array("a", integer(0)), array("b", integer(0), true)},
      {},
      {made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), at("b", binary("+", i32("i"), integer(1))))})}};
  for (loop::Parameter& parameter : function.parameters) parameter.length_known = !parameter.pointer;
  return function;
}

std::string length_of(const loop::Verdict& verdict, const std::string& name) {
  const loop::Parameter* parameter = loop::find_parameter(verdict.function, name);
  return parameter->length_known ? loop::c_text(parameter->extents[0]) : "open";
}

}  // namespace

TEST_CASE("lengths: the largest subscript says them, where the call does not") {
  loop::Verdict verdict = analyser::analyse(copy_function(), {});
  CHECK(length_of(verdict, "a") == "n");
  CHECK(length_of(verdict, "b") == "n + 1");
  verdict = analyser::analyse(copy_function(), {{}, {}, {{"a", binary("*", integer(2), i32("n"))}}, {}});
  CHECK(length_of(verdict, "a") == "2 * n");
  CHECK(length_of(verdict, "b") == "n + 1");
}

TEST_CASE("lengths: what the call says holds where the subscripts are more than the analysis takes on") {
  const analyser::Facts both{{}, {}, {{"a", i32("n")}, {"b", binary("+", i32("n"), integer(1))}}, {}};
  loop::Verdict verdict = analyser::analyse(copy_function(), both, {}, {}, {.operations = 1});
  CHECK(verdict.refused == "");
  CHECK(length_of(verdict, "a") == "n");
  CHECK(length_of(verdict, "b") == "n + 1");
  CHECK(verdict.groups.size() == 1);
  CHECK(verdict.groups[0].cause == "the subscripts are too many or too involved for the analysis");
  verdict = analyser::analyse(copy_function(), {{}, {}, {{"a", i32("n")}}, {}}, {}, {}, {.operations = 1});
  CHECK(verdict.refused == "the length of b cannot be known: write it into the parameter's text, or give it, for example --length b=n");
  verdict = analyser::analyse(copy_function(), {}, {}, {}, {.operations = 1});
  CHECK(verdict.refused == "the length of a, b cannot be known: write it into the parameter's text, or give it, for example --length a=n --length b=n");
}
