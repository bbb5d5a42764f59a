// Rewritings that make accesses in another order, which is wrong where arrays overlap.
#include <doctest/doctest.h>

#include <string>

#include "analyser/analyse.hpp"
#include "made.hpp"
#include "port/candidates.hpp"
#include "port/cases/case_plan.hpp"
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

/// Whatever the arrays' distance is, the normal form leaves what C leaves.
void same_as_c(const std::string& text, const std::string& pointer, const std::string& base) {
  const Deadline soon = Deadline::in(120);
  const loop::Verdict plain = test::verdict_of_text(text);
  REQUIRE_MESSAGE(plain.refused.empty(), text << plain.refused);
  port::Oracle oracle(for_every_call(plain), port::Source{text, "f.c"}, {}, soon);
  for (const std::int64_t distance : {0, 1, -1}) {
    const port::Facts facts{{{"n", 7}}, {{pointer, base, distance}}};
    CHECK_NOTHROW_MESSAGE(port::plan_cases(for_every_call(plain), oracle, port::Level::quick, facts, soon), text);
  }
}

}  // namespace

TEST_CASE("flow: a recurrence from one pointer to another that overlaps it says that it is one") {
  loop::CallClass call;
  call.aliases = {{"out", "a", 1}};
  const loop::Verdict verdict = test::verdict_of_text(
      "void f(int n, float* out, const float* a, const float* b) { for (int i = 0; i < n; i++) out[i] = a[i] + b[i]; }", call);
  CHECK(text(verdict) == "i:sequential(a)");
  REQUIRE(verdict.groups.size() == 1);
  CHECK(verdict.groups[0].cause ==
        "a and out overlap, and an iteration reads through one what an earlier one has written through the other: with one "
        "pointer for both the recurrence may be a scan");
}

TEST_CASE("flow: what is read before a store through another pointer is what it was, also where that may overlap") {
  const std::string head = "int f(int n, const int a[12], int b[12], int c[24]) { int i = 0, k = 0; ";
  for (const char* body :
       {// what is loaded
        "for (i = 0; i < n; i++) { int t = a[i]; b[i] = 1; c[i] = t; } return k; }",
        "for (i = 0; i < n; i++) { int t = a[i] > 0; b[i] = 5; c[i] = t ? a[i] : 2; k += t; } return k; }",
        // where a loop begins, and its length
        "i = a[0] & 3; b[0] = 5; while (i < n) { c[i] = 1; i++; } return k; }",
        "int m = a[0] & 7; for (i = 0; i < n; i++) b[i] = 6; for (i = m; i < 9; i++) c[i] = i; return k; }",
        "for (int j = 0; j < n; j++) { int e = a[j] & 3; b[j] = 100; while (e < 4) { c[e] += 1; e++; } } return k; }",
        // what is counted from there on, or to there
        "for (i = a[0] & 3; i < n; i++) { b[k] = 1; k++; } return k; }",
        "for (i = 0; i < (a[0] & 7); i++) { b[i] = 3; k += 2; } return k; }",
        "for (i = 0; i < (a[0] & 7); i++) { b[i] = i; c[i] = 1; } return k; }"})
    same_as_c(head + body, "b", "a");
  // Where only the end's last value could tell how often the loop has run, it has no number of iterations.
  CHECK(test::verdict_of_text(head + "while (i < (a[0] & 7)) { b[i] = i; i++; } return i; }").refused.find("countable") !=
        std::string::npos);
  CHECK(test::verdict_of_text("int f(int n, const int a[1], float b[7]) { int i = 0; while (i < (a[0] & 7)) { b[i] = i; i++; } "
                              "return i; }")
            .refused.empty());  // no float is an int
}

TEST_CASE("flow: a loop that may write what it ends with runs in order") {
  const std::string text = "void f(int n, const int a[n], int b[n]) { for (int i = 0; i < a[0]; i++) b[i] = i; }";
  CHECK(loop::text(test::verdict_of_text(text)) == "i:parallel");
  CHECK(loop::text(test::verdict_of_text(text, {{}, {{"b", "a", 2}}})).find("sequential") != std::string::npos);
}

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

TEST_CASE("flow: a counter that grows by a truth value counts under that condition, where it is a subscript") {
  const auto body_with = [](const std::string& steps, const std::string& parameter = "int n") {
    return "int f(" + parameter + ", const float* a, const int* c, float b[4 * n + 1]) {\n  int k = 0;\n" +
           "  for (int i = 0; i < n; i++) {\n" + steps + "  }\n  return k;\n}\n";
  };
  const std::string branch = loop::text(test::verdict_of_text(body_with("b[k] = a[i]; if (c[i] > 0) k++;")));
  CHECK(branch == "i:compact(k)");
  for (const char* step :
       {"k += c[i] > 0;", "k = (c[i] > 0) + k;", "k += c[i] > 0 ? 1 : 0;", "k += !(c[i] <= 0);", "k += (c[i] > 0) && a[i] < 4;",
        "k += c[i] & 1;", "k += 3 * (c[i] > 0);", "k -= -(c[i] > 0);", "k += (int)(long long)(c[i] > 0);"})
    CHECK_MESSAGE(loop::text(test::verdict_of_text(body_with(std::string("b[k] = a[i]; ") + step))) == branch, step);
  for (const char* flag : {"int keep = c[i] > 0;", "int keep; if (c[i] > 0) keep = 1; else keep = 0;"})
    CHECK_MESSAGE(loop::text(test::verdict_of_text(body_with(std::string(flag) + " b[k] = a[i]; k += keep;"))).starts_with(branch),
                  flag);
  // What is not known to be 0 or 1, and what only counts, stays as it is written.
  for (const char* step : {"b[k] = a[i]; k += c[i];", "int keep = c[i] > 0 ? 2 : 1; b[k] = a[i]; k += keep;",
                           "b[k] = a[i]; k += c[i] & 3;"})
    CHECK_MESSAGE(loop::text(test::verdict_of_text(body_with(step))).find("compact") == std::string::npos, step);
  const loop::Verdict given = test::verdict_of_text(body_with("b[k] = a[i]; k += keep; keep = c[i] > 0;", "int n, int keep"));
  CHECK(body(given.function).find("k = k + keep_1;") != std::string::npos);  // the call's own is any number
  CHECK(loop::text(test::verdict_of_text(body_with("b[i] = a[i]; k += c[i] > 0;"))).find("reduce(+k)") != std::string::npos);
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
