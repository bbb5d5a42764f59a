// C text -> normal form: src/analyser's front end. Every case runs clang.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "ak/types.hpp"
#include "analyser/front.hpp"
#include "analyser/refused.hpp"

using namespace ak::analyser;

namespace {

/// A C text as clang reads it.
class CText {
 public:
  explicit CText(const std::string& text) : unit_(parse_text(text)) {}

  Front front(Choice choice, const ak::loop::Values& known = {}) const { return read_function(unit_, choice, known); }
  Front front(const std::string& function) const { return front(Choice{function, {}, {}}); }
  std::string normal(const std::string& function) const { return "\n" + ak::loop::c_text(front(function).function.body, 0); }
  std::string refusal(const std::string& function) const {
    try {
      return "not refused:" + normal(function);
    } catch (const Refused& refused) {
      return refused.what();
    }
  }
  const Unit& unit() const { return unit_; }

 private:
  static ParsedText parse_text(const std::string& text) {
    char folder[] = "/tmp/ak-front-XXXXXX";
    REQUIRE(::mkdtemp(folder));
    ClangCall call;
    call.file = std::string(folder) + "/text.c";
    std::ofstream(call.file) << text;
    ParsedText parsed = parse(call);
    std::filesystem::remove_all(folder);
    return parsed;
  }

  Unit unit_;
};

std::string extents(const ak::loop::Parameter& parameter) {
  std::string text;
  for (const auto& extent : parameter.extents) text += "[" + ak::loop::c_text(extent) + "]";
  return text + (parameter.length_known ? "" : "?");
}

}  // namespace

TEST_CASE("front: for loops and assignments") {
  const CText text(R"(
#include <math.h>
#define GAIN 0.5f
void saxpy(int n, float s, float a[n + 1], const float b[static n]) {
  for (int i = 0; i < n; i++) a[i + 1] += GAIN * b[i] * s;
}
void down(int n, float a[n]) {
  for (int i = n - 1; i >= 0; i -= 2) a[i] = i;
}
void up_to(long n, double a[n]) {
  long i;
  for (i = 1; i * 2 <= n; ++i) a[i] = sqrt(a[i]) + 1.5;
}
)");
  CHECK(text.normal("saxpy") == R"(
for (int i = 0; i < n; ++i) {
  a[i + 1] = a[i + 1] + 0.5f * b[i] * s;
}
)");
  CHECK(text.normal("down") == R"(
for (int i = n - 1; i > -1; i -= 2) {
  a[i] = (float)i;
}
)");
  CHECK(text.normal("up_to") == R"(
for (long long i = 1LL; i < (n + 2) / 2; ++i) {
  a[i] = sqrt(a[i]) + 1.5;
}
)");
}

TEST_CASE("front: extents stand in the parameters' own text") {
  const CText text(R"(
#define N 100
enum { ROWS = 7 };
float table[N][4];
void f(int n, float a[n + 1], const float b[static n], float (*c)[256], float d[N], float e[n][2 * n + 1], float *g, double h[ROWS]) {
  a[0] = b[0] + c[0][1] + d[0] + e[0][1] + table[1][2] + h[0], g[0] = 1;
}
)");
  const auto function = text.front("f").function;
  std::string all;
  for (const auto& parameter : function.parameters) all += parameter.name + extents(parameter) + " ";
  CHECK(all == "n a[n + 1] b[n] c[0][256]? d[100] e[n][2 * n + 1] g[0]? h[7] table[100][4] ");
  CHECK(function.parameters[2].constant);
  CHECK_FALSE(function.parameters[1].constant);
  CHECK(function.parameters.back().implicit);
}

TEST_CASE("front: C's conversions stay") {
  const CText text(R"(
void f(int n, long m, float a[n], double d) {
  for (int i = 0; i < n; i++) {
    a[i] *= 1.9;
    a[i] = a[i] + 1.9f;
    a[i] = m * d + (float)0.1 + (int)d;
  }
}
)");
  CHECK(text.normal("f") == R"(
for (int i = 0; i < n; ++i) {
  a[i] = (float)((double)a[i] * 1.9);
  a[i] = a[i] + 1.9f;
  a[i] = (float)((double)m * d + (double)0.1f + (double)(int)d);
}
)");
}

TEST_CASE("front: loops that count in other words") {
  const CText text(R"(
void while_counter(int n, float a[n]) {
  int i = 0;
  while (i < n) { a[i] = 0; i++; }
}
void counted_down(int n, float a[n]) { while (n--) a[n] = 1; }
void endless(int n, float a[n]) {
  int i = 0;
  for (;;) { if (i >= n) break; a[i] = 2; ++i; }
}
void size_down(int n, float a[n]) { for (unsigned long i = n; i-- > 0;) a[i] = 3; }
void twice(int n, float a[n]) { for (int i = 0; i < n; i++) { a[i] = 4; i++; a[i] = 5; } }
void with_condition(int n, float a[n]) { for (int i = 0; i < n && a[i] > 0; i++) a[i] = 6; }
void by_pointer(int n, float *a) { for (float *p = a; p != a + n; ++p) *p = 7; }
void meets(int n, float a[n]) { for (int i = 0, j = n - 1; i < j; i++, j--) a[i] = a[j]; }
)");
  CHECK(text.normal("while_counter") == "\nfor (int i = 0; i < n; ++i) {\n  a[i] = 0.0f;\n}\n");
  CHECK(text.normal("counted_down") == "\nfor (int n_2 = n - 1; n_2 > -1; --n_2) {\n  a[n_2] = 1.0f;\n}\n");
  CHECK(text.normal("endless") == "\nfor (int i = 0; i < n; ++i) {\n  a[i] = 2.0f;\n}\n");
  CHECK(text.normal("size_down") == "\nfor (long long i = (long long)n - 1; i > -1LL; --i) {\n  a[i] = 3.0f;\n}\n");
  CHECK(text.normal("twice") == "\nfor (int i = 0; i < n; i += 2) {\n  a[i] = 4.0f;\n  a[i + 1] = 5.0f;\n}\n");
  CHECK(text.normal("with_condition") ==
        "\nfor (int i = 0; i < n; ++i) {\n  if (!(a[i] > 0.0f)) {\n    break;\n  }\n  a[i] = 6.0f;\n}\n");
  CHECK(text.normal("by_pointer") == "\nfor (int p = 0; p < n; ++p) {\n  a[p] = 7.0f;\n}\n");
  CHECK(text.normal("meets") == "\nfor (int i = 0; i < n / 2; ++i) {\n  a[i] = a[n - 1 - i];\n}\n");
}
