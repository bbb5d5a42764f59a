// Functions whose constant sizes are too long to be tried.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <stop_token>

#include "ak/types.hpp"
#include "made.hpp"
#include "port/cases/data.hpp"
#include "port/cases/shrunk.hpp"
#include "port/port.hpp"

using namespace ak;
using namespace made;

namespace {

// float a[4000], b[4000], c[4000]; for (j < 2000) for (i < 2000) a[i] += b[i + 1999 - j] * c[j];
loop::Verdict convolution() {
  loop::Verdict verdict;
  const Term at_b = binary("-", binary("+", i32("i"), integer(1999)), i32("j"));
  const Term product = binary("*", at("b", at_b), at("c", i32("j")));
  verdict.function =
      function("f", {array("a", integer(4000)), array("b", integer(4000), true), array("c", integer(4000), true)},
               {made::loop(1, "j", integer(0), integer(2000),
                           {made::loop(2, "i", integer(0), integer(2000),
                                       {assign(3, at("a", i32("i")), binary("+", at("a", i32("i")), product))})})});
  loop::Group group;
  group.statements = {3}, group.loops = {{1, "j", loop::Role::reduce}, {2, "i", loop::Role::parallel}};
  group.reductions = {{at("a", i32("i")), "+", product, {}, {}, false, {3}}};
  verdict.groups = {group};
  return verdict;
}

}  // namespace

TEST_CASE("shrunk: sizes are divided alike, what lies next to one still does, values stay") {
  loop::Verdict verdict = convolution();
  verdict.function.body[0].body[0].body[0].value =
      binary("*", verdict.function.body[0].body[0].body[0].value, ak::loop::convert(ScalarType::f32, integer(5000)));
  const auto small = port::shrunk(verdict, 500000);
  REQUIRE(small);
  CHECK(port::iterations(small->function, {}) <= 500000);
  CHECK(port::iterations(small->function, {}) > 50000);
  std::int64_t half = 0, size = 0;
  const loop::Node& outer = small->function.body[0];
  half = *loop::evaluate(outer.end, {}), size = *loop::evaluate(small->function.parameters[0].extents[0], {});
  CHECK(size == 2 * half);
  const std::string text = loop::c_text(small->function.body, 0);
  CHECK_MESSAGE(text.find("b[i + " + fmt::format("{}", half - 1) + " - j]") != text.npos, text);
  CHECK_MESSAGE(text.find("5000") != text.npos, text);
  CHECK(!port::shrunk(verdict, 1));
}

TEST_CASE("shrunk: an integer that says where is a place, another is a value") {
  loop::Verdict verdict;
  verdict.function = function("f", {array("a", integer(4000)), array("b", integer(4000), true), array("k", integer(4000))},
                              {assign(1, i32("last"), integer(3999)), assign(2, i32("sum"), integer(3999)),
                               made::loop(3, "i", integer(0), integer(4000),
                                          {assign(4, at("a", i32("i")), at("b", i32("last"))), assign(5, i32("last"), i32("i"))})});
  const auto small = port::shrunk(verdict, 5000);
  REQUIRE(small);
  const std::string text = loop::c_text(small->function.body, 0);
  const std::int64_t size = *loop::evaluate(small->function.parameters[0].extents[0], {});
  CHECK(size < 4000);
  CHECK_MESSAGE(text.find(fmt::format("last = {};", size - 1)) != text.npos, text);
  CHECK_MESSAGE(text.find("sum = 3999;") != text.npos, text);
}

TEST_CASE("port: a function that takes too long at every size is proven with smaller ones, and read right at its own") {
  port::PortRequest request;
  request.verdict = convolution(), request.function = request.verdict.function;
  for (loop::Parameter& parameter : request.verdict.function.parameters) parameter.implicit = true;
  request.source.file = "f.c", request.source.function = "f";
  const auto text = [](const char* offset) {
    return fmt::format(
        "#define LEN 4000\nfloat a[LEN]; const float b[LEN], c[LEN];\nvoid f(void) {{ for (int j = 0; j < LEN / 2; j++) "
        "for (int i = 0; i < LEN / 2; i++) a[i] += b[i + LEN / 2 - {} - j] * c[j]; }}",
        offset);
  };
  request.tools.worker = AK_BINARY_DIR "/ak-worker";
  request.source.text = text("1");
  request.quick = true;
  std::stop_source stop;
  const auto first = [&](const port::PortStep& step) {
    if (step.ended) stop.request_stop();
  };
  const port::Ported ported = port::port(request, nullptr, Deadline::in(300, stop.get_token()), first);
  REQUIRE(!ported.tried.empty());
  CHECK_MESSAGE(ported.tried[0].passed(), ported.tried[0].why);
  CHECK(ported.tried[0].right == ported.tried[0].cases);
  CHECK(ported.tried[0].candidate.text.find("2000") != std::string::npos);  // the kernel is that of its own size
  CHECK(ported.note.find("with smaller ones") != std::string::npos);
  // A text that is not what the verdict says.
  request.source.text = text("2");
  std::string why;
  try {
    port::port(request, nullptr, Deadline::in(300));
  } catch (const Error& error) {
    why = error.what();
  }
  CHECK_MESSAGE(why.find("has misread 'f'") != why.npos, why);
}
