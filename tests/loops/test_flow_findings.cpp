// What findings say of facts that a verdict lacks, of values that it took, and of subscripts that leave their arrays.
#include <doctest/doctest.h>

#include <algorithm>

#include "text_verdict.hpp"

using namespace ak;

namespace {

bool says(const loop::Verdict& verdict, const std::string& words) {
  return std::ranges::any_of(verdict.findings,
                             [&](const loop::Finding& one) { return one.text.find(words) != std::string::npos; });
}

std::vector<std::string> out_of_extents(const loop::Verdict& verdict) {
  std::vector<std::string> found;
  for (const loop::Finding& one : verdict.findings)
    if (one.module == "out of extents") found.push_back(one.text);
  return found;
}

loop::CallClass given(const std::string& name, std::int64_t value) {
  loop::CallClass call;
  call.values.emplace_back(name, value);
  return call;
}

}  // namespace

TEST_CASE("findings: a value that a sequential loop lacks is named, and given makes another verdict") {
  const std::string text =
      "void f(int n, int m, float* a, const float* b) {\n"
      "  for (int i = 0; i < n; i++) a[i] = a[i + m] + b[i];\n}\n";
  port::LoopSource source;
  source.text = text, source.function = "f", source.lengths = {{"a", "2 * n"}};
  const auto analysed = [&](const loop::CallClass& call) {
    return port::analyse(source, call, {AK_BINARY_DIR "/ak-analyse", {}, {}}, Deadline::in(60));
  };
  const loop::Verdict without = analysed({});
  CHECK(loop::text(without) == "i:sequential(a)");
  CHECK(says(without, "neither value nor sign of m is known, on which it depends which elements of a meet: give --size m=..."));
  CHECK(without.used.empty());
  const loop::Verdict with = analysed(given("m", 1));
  CHECK(loop::text(with) == "i:parallel anti(a:1)");
  CHECK_FALSE(says(with, "--size m"));
  CHECK(with.used == std::vector<std::string>{"m"});
}

TEST_CASE("findings: an index array of which nothing is known is named") {
  const loop::Verdict verdict = test::verdict_of_text(
      "void f(int n, float a[n], const int k[n]) {\n  for (int i = 0; i < n; i++) a[k[i]] = 0.5f * a[i];\n}\n");
  CHECK(loop::text(verdict) == "i:sequential(a)");
  CHECK(says(verdict, "nothing is known of the elements of k: two may be equal"));
}

TEST_CASE("findings: a loop that ends has a step above 0; a stride that may be 0 is named") {
  const loop::Verdict without =
      test::verdict_of_text("void f(int n, int inc, float a[n]) {\n  for (int i = 0; i < n; i += inc) a[i] = 0;\n}\n");
  CHECK(loop::text(without) == "i:parallel");
  CHECK_FALSE(says(without, "give --size"));
  const auto text = [](const std::string& statement) {
    return "void f(int n, int inc, float a[n * inc]) {\n  for (int i = 1; i < n; i++) " + statement + ";\n}\n";
  };
  const loop::Verdict assumed = test::verdict_of_text(text("a[i * inc] = 0"));
  CHECK(loop::text(assumed) == "i:parallel");
  REQUIRE(assumed.assumed.size() == 1);
  CHECK(loop::c_text(assumed.assumed[0]) == "inc > 0");
  CHECK(loop::explain(assumed).find("where not inc > 0: one thread, in order") != std::string::npos);
  const loop::Verdict column = test::verdict_of_text(text("a[i * inc] += a[(i - 1) * inc]"));
  CHECK(loop::text(column) == "i:scan(a:1)");
  REQUIRE(column.assumed.size() == 1);
  CHECK(loop::c_text(column.assumed[0]) == "inc > 0");
  const loop::Verdict strided = test::verdict_of_text(text("a[i * inc] += a[i]"));
  CHECK(loop::text(strided) == "i:sequential(a)");
  CHECK(strided.assumed.empty());
  CHECK(says(strided, "give --size inc=..."));
  const loop::Verdict known = test::verdict_of_text(text("a[i * inc] += a[(i - 1) * inc]"), given("inc", 2));
  CHECK(loop::text(known) == "i:scan(a:1)");
  CHECK(known.used == std::vector<std::string>{"inc"});
}

TEST_CASE("findings: a recurrence for some values of a parameter alone is no scan") {
  CHECK(loop::text(test::verdict_of_text("void f(int n, int k, float a[n]) {\n"
                                         "  for (int i = 1; i < n; i++) a[i] = a[i - (k > 1 ? 1 : 0)] + 1;\n}\n")) ==
        "i:sequential(a)");
}

TEST_CASE("findings: an access that moves evenly is told by its step, flat rows of numbers or not") {
  const auto text = [](const std::string& subscript) {
    return test::verdict_of_text("void f(int n, float a[2 * n]) {\n  for (int i = 0; i < n; i++) a[" + subscript + "] *= 2;\n}\n");
  };
  CHECK(says(text("2 * i"), "the write of a is strided by 2"));
  CHECK(says(text("2 * i + 1"), "the write of a is strided by 2"));
}

TEST_CASE("findings: a recurrence along diagonals starts anew at the border, and is one") {
  const auto verdict = [](const std::string& read) {
    return loop::text(test::verdict_of_text(
        "void f(int h, int w, int k, float a[h][w]) {\n  for (int y = 1; y < h; y++)\n    for (int x = 1; x < w; x++) a[y][x] += a[y - 1][" +
        read + "];\n}\n"));
  };
  CHECK(verdict("x - 1") == "y:scan(a:1) x:parallel");
  CHECK(verdict("x - (k > 1 ? 1 : 0)") == "y:sequential(a) x:parallel");
}

TEST_CASE("findings: a recurrence that starts anew in every row of a flat table is none down its columns") {
  const auto text = [](const std::string& condition) {
    return test::verdict_of_text("void f(int h, int w, const int b[h * w], int a[h * w]) {\n  for (int y = 0; y < h; y++)\n"
                                 "    for (int x = 0; x < w; x++)\n      if (" +
                                 condition + ") a[y * w + x] = a[y * w + x - 1] + 1;\n}\n");
  };
  CHECK(loop::text(text("x > 0 && b[y * w + x] > 0")) == "y:parallel x:scan(a:1)");
  CHECK(loop::text(text("!(x == 0 || b[y * w + x] > 0)")) == "y:parallel x:scan(a:1)");
  CHECK(loop::text(text("x > 0 || b[y * w + x] > 0")) == "y:sequential(a) x:sequential(a)");
}

TEST_CASE("findings: used are the values that the verdict took, and no other") {
  const std::string text =
      "void f(int n, int m, int scale, float a[n]) {\n  for (int i = m; i < n; i++) a[i] = a[i - m] * scale;\n}\n";
  loop::CallClass call = given("m", 2);
  call.values.emplace_back("scale", 3);
  CHECK(test::verdict_of_text(text, call).used == std::vector<std::string>{"m"});
  CHECK(
      test::verdict_of_text("void f(int n, int m, float a[n]) {\n  for (int i = 0; i < n; i++) a[i] *= m;\n}\n", given("m", 2))
          .used.empty());
}

TEST_CASE("findings: a subscript that leaves the declared extent is found") {
  const auto found = [](const std::string& body, const std::string& parameters = "int n, float a[n], const float b[n]") {
    return out_of_extents(test::verdict_of_text("void f(" + parameters + ") {\n" + body + "\n}\n"));
  };
  using List = std::vector<std::string>;
  CHECK(found("for (int i = 0; i < n; i++) a[i] = b[i + 1];") == List{"the subscript i + 1 leaves the extent n of b"});
  CHECK(found("for (int i = 0; i < n; i++) a[i] = b[i - 1];") == List{"the subscript i - 1 leaves the extent n of b"});
  CHECK(found("for (int i = 0; i <= n; i++) a[i] = 1;") == List{"the subscript i leaves the extent n of a"});
  CHECK(found("for (int i = 0; i < n; i++) a[2 * i] = 1;") == List{"the subscript 2 * i leaves the extent n of a"});
  CHECK(found("for (int i = 1; i < n; i++) for (int j = 0; j < n; j++) c[i][j + 1] = 0;", "int n, float c[n][n]") ==
        List{"the subscript j + 1 leaves the extent n of c"});
  // Where it may stay inside nothing is said.
  CHECK(found("for (int i = 1; i < n; i++) a[i] = b[i - 1];").empty());
  CHECK(found("for (int i = 0; i < n; i++) if (i > 0) a[i] = b[i - 1];").empty());
  CHECK(found("for (int i = 0; i < n; i++) if (b[i] > 0) a[i] = b[i + 1];").empty());
  CHECK(found("for (int i = 0; i < n; i++) a[i] = i > 0 ? b[i - 1] : 0;").empty());
  CHECK(found("for (int i = 0; i < n; i++) a[i] = i + 1 >= n || b[i + 1] > 0;").empty());
  CHECK(found("for (int i = 0; i < n; i++) a[i] = b[i];", "int n, int m, float a[n], const float b[m]").empty());
  CHECK(found("for (int i = 0; i < n; i++) a[i] = b[i + m];", "int n, int m, float a[n], const float b[n]").empty());
}
