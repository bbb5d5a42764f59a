// C text -> normal form: src/analyser's front end. Every case runs clang.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "ak/types.hpp"
#include "analyser/analyse.hpp"
#include "analyser/front.hpp"
#include "analyser/refused.hpp"
#include "analyser/steering.hpp"
#include "base/child.hpp"
#include "base/temporary_folder.hpp"
#include "port/cases/roles.hpp"

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
    const ak::TemporaryFolder folder("ak-front");
    ClangCall call;
    call.file = folder.path() + "/text.c";
    std::ofstream(call.file) << text;
    return parse(call);
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

TEST_CASE("front: goto, continue, switch and returns become if and else") {
  const CText text(R"(
void two_ways(int n, float a[n], const float b[n]) {
  for (int i = 0; i < n; i++) {
    if (b[i] < 0) goto L20;
    a[i] = b[i];
    goto L10;
L20:
    a[i] = -b[i];
L10:;
  }
}
void skips(int n, float a[n], const float b[n]) {
  for (int i = 0; i < n; i++) {
    if (b[i] < 0) continue;
    a[i] = 1;
    if (b[i] > 5) continue;
    a[i] = 2;
  }
}
void chooses(int n, int a[n]) {
  for (int i = 0; i < n; i++)
    switch (a[i]) {
      case 1: a[i] = 10; break;
      case 2:
      case 3: a[i] = 20;
      default: a[i] = a[i] + 1;
    }
}
int finds(int n, const int a[n], int key) {
  int i;
  for (i = 0; i < n; i++)
    if (a[i] == key) goto found;
  return -1;
found:
  return i;
}
int sign(int x) {
  if (x < 0) return -1;
  return x > 0;
}
void signs(int n, int a[n]) { for (int i = 0; i < n; i++) a[i] = sign(a[i]); }
void steps_on_both_ways(int n, float a[n]) {
  int i = 0;
  while (i < n) {
    if (a[i] < 0) { i++; continue; }
    a[i] = 0;
    i++;
  }
}
)");
  CHECK(text.normal("two_ways") == R"(
for (int i = 0; i < n; ++i) {
  if (b[i] < 0.0f) {
    a[i] = -b[i];
  } else {
    a[i] = b[i];
  }
}
)");
  CHECK(text.normal("skips") == R"(
for (int i = 0; i < n; ++i) {
  if (!(b[i] < 0.0f)) {
    a[i] = 1.0f;
    if (!(b[i] > 5.0f)) {
      a[i] = 2.0f;
    }
  }
}
)");
  CHECK(text.normal("chooses") == R"(
for (int i = 0; i < n; ++i) {
  chosen = a[i];
  if (chosen == 1) {
    a[i] = 10;
  } else {
    if (chosen == 2) {
      a[i] = 20;
    } else {
      if (chosen == 3) {
        a[i] = 20;
      }
    }
    a[i] = a[i] + 1;
  }
}
)");
  CHECK(text.normal("finds") == R"(
for (int i = 0; i < n; ++i) {
  if (a[i] == key) {
    return i;
  }
}
return -1;
)");
  CHECK(text.normal("signs") == R"(
for (int i = 0; i < n; ++i) {
  x = a[i];
  a[i] = x < 0 ? -1 : x > 0;
}
)");
  CHECK(text.normal("steps_on_both_ways") == R"(
for (int i = 0; i < n; ++i) {
  if (!(a[i] < 0.0f)) {
    a[i] = 0.0f;
  }
}
)");
  const Front front = text.front("two_ways");
  REQUIRE(front.notes.size() == 2);
  CHECK(front.notes[0].kind == ak::loop::Note::Kind::structured);
  CHECK(front.notes[0].loop == front.function.body[0].id);
}

TEST_CASE("front: what a branch leaves in a local is a choice behind it, where nothing that it is made of has changed") {
  const CText text(R"(
void clamps(int n, const float a[n], float b[n]) {
  for (int i = 0; i < n; i++) {
    int j = i - 1;
    if (j < 0) j = 0;
    b[i] = a[j];
  }
}
void counts(int n, int m, const float a[n], float b[n]) {
  for (int i = 0; i < n; i++) {
    int j = i, low = 0;
    if (j > m) {
      j = m;
      low = j - m;
      b[i] = 1.0f;
    }
    b[j] += a[j] + low;
  }
}
void moves(int n, int m, int a[n]) {
  for (int i = 0; i < n; i++) {
    int last = a[i], to = m;
    if (to > i) {
      to = last;
      last = m;
    }
    a[i] = to + last;
  }
}
void asks(int n, int a[n]) {
  for (int i = 0; i < n; i++) {
    int j = 0;
    if (a[i] > 0) j = 1;
    a[i] = 5;
    a[j] = j;
  }
}
)");
  CHECK(text.normal("clamps") == R"(
for (int i = 0; i < n; ++i) {
  b[i] = a[i - 1 < 0 ? 0 : i - 1];
}
)");
  CHECK(text.normal("counts") == R"(
for (int i = 0; i < n; ++i) {
  if (i > m) {
    b[i] = 1.0f;
  }
  b[i > m ? m : i] = b[i > m ? m : i] + (a[i > m ? m : i] + (float)(i > m ? 0 : 0));
}
)");
  CHECK(text.normal("moves") == R"(
for (int i = 0; i < n; ++i) {
  last = a[i];
  to = m;
  if (m > i) {
    to = last;
    last = m;
  }
  a[i] = to + last;
}
)");
  CHECK(text.normal("asks") == R"(
for (int i = 0; i < n; ++i) {
  j = 0;
  if (a[i] > 0) {
    j = 1;
  }
  a[i] = 5;
  a[j] = j;
}
)");
}

TEST_CASE("front: what has a closed form is replaced, what has none stays") {
  const CText text(R"(
void packs(int n, const float a[n][n], float packed[n * (n + 1) / 2]) {
  int k = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 16; j++) packed[k++] = a[i][j];
}
void both_sides(int n, const float a[n], float b[n]) {
  int k = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] > 0) { b[k++] = 1; } else { b[k] = 2; k += 1; }
  }
}
int counts(int n, const float a[n], int b[n]) {
  int k = -1;
  for (int i = 0; i < n; i++) if (a[i] > 0) b[++k] = i;
  return k;
}
void wraps(int n, const float a[n], float b[n]) {
  int before = n - 1;
  for (int i = 0; i < n; i++) { b[i] = a[before]; before = i; }
}
float by_pointer(int n, const float a[n], const float *b) {
  float s = 0;
  for (const float *p = a, *q = b; p < a + n; p++, q += 2) s += *p * *q;
  return s;
}
double ramps(int n, double x[n], double step) {
  double t = 0;
  for (int i = 0; i < n; i++) { x[i] = t; t += step; }
  return t;
}
int last(int n, float a[n]) {
  int i;
  for (i = 0; i < n; i += 3) { if (a[i] < 0) break; a[i] = 0; }
  return i;
}
)");
  CHECK(text.normal("packs") == R"(
for (int i = 0; i < n; ++i) {
  for (int j = 0; j < 16; ++j) {
    packed[i * 16 + j] = a[i][j];
  }
}
)");
  CHECK(text.normal("both_sides") == R"(
for (int i = 0; i < n; ++i) {
  if (a[i] > 0.0f) {
    b[i] = 1.0f;
  } else {
    b[i] = 2.0f;
  }
}
)");
  CHECK(text.normal("counts") == R"(
k = -1;
for (int i = 0; i < n; ++i) {
  if (a[i] > 0.0f) {
    k = k + 1;
    b[k] = i;
  }
}
return k;
)");
  CHECK(text.normal("wraps") == R"(
before = n - 1;
for (int i = 0; i < n; ++i) {
  b[i] = a[before];
  before = i;
}
)");
  CHECK(text.normal("by_pointer") == R"(
s = 0.0f;
for (int p = 0; p < n; ++p) {
  s = s + a[p] * b[p * 2];
}
return s;
)");
  CHECK(text.normal("ramps") == R"(
t = 0.0;
for (int i = 0; i < n; ++i) {
  x[i] = t + (double)i * step;
}
t = t + (double)(0 < n ? n : 0) * step;
return t;
)");
  CHECK(text.normal("last") == R"(
i_end = 0 < n ? (n + 2) / 3 * 3 : 0;
for (int i = 0; i < n; i += 3) {
  if (a[i] < 0.0f) {
    i_end = i;
    break;
  }
  a[i] = 0.0f;
}
return i_end;
)");
  const Front front = text.front("by_pointer");
  REQUIRE(front.notes.size() == 1);
  CHECK(front.notes[0].name == "q");
}

TEST_CASE("front: side effects stand in C's order") {
  const CText text(R"(
void f(int n, int a[n], int b[n]) {
  int k = b[0], m;
  a[k++] = m = b[k];
  a[k] += b[--m]++, k = a[k] > 0 && (m = b[k]) ? m : k;
  if (k-- > 2) a[k] = 1;
}
)");
  CHECK(text.normal("f") == R"(
k = b[0];
m = b[k];
a[k] = m;
k = k + 1;
m = m - 1;
a[k] = a[k] + b[m];
b[m] = b[m] + 1;
truth = a[k] > 0;
if (truth) {
  m = b[k];
  truth = m != 0;
}
k = truth ? m : k;
k = k - 1;
if (k + 1 > 2) {
  a[k] = 1;
}
)");
}

TEST_CASE("front: a region's free scalars become parameters, constants or its result") {
  const CText text(R"(
struct Arguments { int n; float *p; };
float a[100], b[100];
float *moving;
int log_call(float *a, float x);
void harness(struct Arguments *given, float scale) {
  int n = given->n, shift = 2 * 3;
  float *p = given->p;
  float sum;
  moving = a + 4;
  for (int nl = 0; nl < 1000; nl++) {
    sum = 0;
    for (int i = 0; i < n; i++) sum += scale * moving[i + shift] * p[i];
    log_call(a, sum);
  }
}
float read_behind(int reps) {
  float last = 0;
  for (int nl = 0; nl < reps; nl++)
    for (int i = 0; i < 100; i++) { if (b[i] < 0) break; a[i] = b[i]; last = b[i]; }
  return last;
}
)");
  const Front front = text.front(Choice{"harness", "nl", {"log_call"}});
  std::string names;
  for (const auto& parameter : front.function.parameters) names += parameter.name + extents(parameter) + " ";
  CHECK(names == "p[0]? scale n a[100] ");
  CHECK("\n" + ak::loop::c_text(front.function.body, 0) == R"(
sum = 0.0f;
for (int i = 0; i < n; ++i) {
  sum = sum + scale * a[i + 10] * p[i];
}
return sum;
)");
  const Front behind = text.front(Choice{"read_behind", "nl", {}});
  CHECK(behind.function.returns == ak::loop::ScalarType::f32);
  CHECK(ak::loop::c_text(behind.function.body.back().value) == "last");
  CHECK_THROWS_WITH_AS(text.front(Choice{"harness", "k", {}}), "there is no for loop over k in harness", ak::Error);
}

TEST_CASE("front: what a loop changes is no constant in its body") {
  const CText text(R"(
void bound(int n, float a[n]) {
  int m = 10;
  for (int nl = 0; nl < 5; ++nl) {
    for (int i = 0; i < m; ++i) a[i] += 1.0f;
    m = m + 1;
  }
}
void stepped(int n, float a[n]) {
  int k = 3, same = 2;
  for (int nl = 0; nl < 5; ++nl, ++k)
    for (int i = 0; i < n - k; ++i) a[i] = a[i + k] * same;
}
void guard(int n, float a[n]) {
  int first = 1;
  for (int nl = 0; nl < 5; ++nl) {
    if (first) a[0] = 0.0f;
    first = 0;
  }
}
void around(int n, float a[n]) {
  float s = 2.0f;
  for (int o = 0; o < 5; ++o) {
    for (int nl = 0; nl < 5; ++nl) a[nl] = a[nl] * s;
    s = s * 0.5f;
  }
}
void set_around(int n, float a[n]) {
  float s = 2.0f;
  while (a[0] > 0) {
    s = 1.0f;
    if (a[1] > 0) break;
    for (int nl = 0; nl < 5; ++nl) a[0] = s;
    s = 3.0f;
  }
}
void jumped(int n, float a[n]) {
  float s = 2.0f;
  if (n > 5) goto go;
  s = 3.0f;
go:
  for (int nl = 0; nl < 5; ++nl) a[nl] = s;
}
void back(int n, float a[n]) {
  float s = 2.0f;
again:
  for (int nl = 0; nl < 5; ++nl) a[nl] = s;
  s = 3.0f;
  if (n > 5) goto again;
}
void by_case(int n, float a[n]) {
  float s = 2.0f;
  switch (n) {
    case 3: s = 4.0f; break;
    case 4: s = 5.0f;
    case 5:
      for (int nl = 0; nl < 5; ++nl) a[nl] = s;
  }
}
void set(float *s);
void by_call(int n, float a[n]) {
  float s = 2.0f;
  { s = 3.0f; set(&s); }
  for (int nl = 0; nl < 5; ++nl) a[nl] = s;
}
void by_pointer(int n, float a[n]) {
  float s = 2.0f;
  float *p = &s;
  for (int o = 0; o < 5; ++o) {
    for (int nl = 0; nl < 5; ++nl) a[nl] = s;
    *p = 4.0f;
  }
}
void set_half(int n, float *s) { *s = 1.0f; set(s); }
void after_refusal(int n, float a[n]) {
  float s = 2.0f;
  set_half(n, &s);
  for (int nl = 0; nl < 5; ++nl) { if (a[nl] > 0) return; a[nl] = s; }
}
float a_file[100];
float *moving;
void moves(int n) {
  moving = a_file;
  for (int nl = 0; nl < 5; ++nl) {
    *moving = 1.0f;
    moving += 2;
  }
}
void step() { moving++; }
void moved_by_call(int n) {
  moving = a_file;
  for (int o = 0; o < 5; ++o) {
    for (int nl = 0; nl < 5; ++nl) *moving = 1.0f;
    step();
  }
}
)");
  const auto body = [&](const char* name) {
    const Front front = text.front(Choice{name, "nl", {}});
    std::string made;
    for (const auto& parameter : front.function.parameters)
      if (!parameter.pointer) made += parameter.name + " ";
    return made + "|\n" + ak::loop::c_text(front.function.body, 0);
  };
  CHECK(body("bound") == "m_before |\nfor (int i = 0; i < m_before; ++i) {\n  a[i] = a[i] + 1.0f;\n}\nreturn m_before + 1;\n");
  CHECK(body("stepped") == "n k |\nfor (int i = 0; i < n - k; ++i) {\n  a[i] = a[i + k] * 2.0f;\n}\n");
  CHECK(body("guard") == "first_before |\nif (first_before) {\n  a[0] = 0.0f;\n}\nreturn 0;\n");
  CHECK(body("around") == "s nl |\na[nl] = a[nl] * s;\n");
  CHECK(body("set_around") == "|\ns = 1.0f;\na[0] = s;\n");
  for (const char* name : {"jumped", "back", "by_case", "by_call", "by_pointer"}) {
    CAPTURE(name);
    CHECK(body(name) == "s nl |\na[nl] = s;\n");
  }
  CHECK(body("after_refusal") == "s nl |\nif (a[nl] > 0.0f) {\n  return;\n}\na[nl] = s;\n");
  CHECK(body("moves") == "moving_before |\na_file[moving_before] = 1.0f;\nreturn moving_before + 2;\n");
  CHECK(body("moved_by_call") == "moving |\na_file[moving] = 1.0f;\n");
}

TEST_CASE("front: a step of known value is a step, another is counted, with no number on the way that leaves the type") {
  const CText text("void f(int n, int inc, float a[n]) { for (int i = 1; i < n; i += inc) a[i] = 0; }");
  CHECK(text.normal("f") == R"(
for (int i = 0; i < (1 < n ? (n - 2) / inc + 1 : 0); ++i) {
  a[1 + i * inc] = 0.0f;
}
)");
  const Front front = text.front(Choice{"f", {}, {}}, {{"inc", 2}});
  CHECK(front.function.body[0].step == 2);
  CHECK(front.used == std::set<std::string>{"inc"});
}

TEST_CASE("front: a step of unknown sign is refused where the loop may go either way") {
  const CText text(R"(
int f(int n, int start, int way, const float a[n]) {
  for (int i = start; i < n && i >= 0; i += way)
    if (a[i] == 0) return i;
  return -1;
}
int g(int n, int way, const float a[n]) {
  for (int i = 0; i < n; i += way)
    if (a[i] == 0) return i;
  return -1;
}
)");
  for (const char* name : {"f", "g"})
    CHECK_MESSAGE(text.refusal(name).find("the loop steps by way, whose sign is not known") != std::string::npos,
                  text.refusal(name));
  CHECK(text.front(Choice{"f", {}, {}}, {{"way", -1}}).function.body[0].step == -1);
}

TEST_CASE("front: what is not supported is named, with its line") {
  const CText text(R"(
struct Body { float x; };
int unknown(int x);
int again(int x) { return again(x - 1); }
void f0(int n, struct Body b[n]) { b[0].x = 1; }
void f1(unsigned n, float a[n]) { a[0] = 1; }
void f2(int n, float a[n]) { a[0] = unknown(n); }
void f3(int n, float a[n]) { a[0] = again(n); }
void f4(int n, float *a, float *b) { float *p = a; if (n) p = b; *p = 1; }
void f5(int n, float a[n]) { while (a[0] > 1) a[0] = a[0] / 2; }
void f6(int n, float a[n]) { int i = 0; back: a[i] = 1; if (++i < n) goto back; }
void f7(int n, float a[n]) { static int calls; calls++; a[0] = calls; }
void f8(int n, float a[n]) { for (int i = 0; i < n; i++) { if (a[i] > 1) i++; a[i] = 0; } }
void f9(int n, unsigned h, float a[n]) { a[0] = 1; }
void f10(int n, int a[n]) { unsigned h = 5; for (int i = 0; i < n; i++) h = h * 33; a[0] = (int)h; }
void f11(int n, int a[n]) { for (unsigned i = 0; i < 3; i++) if (i - 2 > 0) a[i] = 1; }
void f12(int n, int a[n]) { unsigned h = 5; for (int i = 0; i < n; i++) h += a[i]; a[0] = (int)h; }
extern float elsewhere[];
void f13(int n, const float a[n]) { for (int i = 0; i < n; i++) elsewhere[i] = a[i]; }
int main(void) { return 0; }
void f14(int n, int a[n]) {
  for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) for (int k = 0; k < n; k++)
    for (int l = 0; l < n; l++) for (int p = 0; p < n; p++)
      for (int q = 0; q < n; q++) a[i] += q;
}
)");
  const std::pair<const char*, const char*> kCases[] = {
      {"f0", "line 5: the parameter b is of type struct Body *"},
      {"f1", "line 6: the parameter n is unsigned (unsigned int): make it int or long long"},
      {"f2", "line 7: it calls unknown, whose body is not in the file"},
      {"f3", "line 4: again calls itself"},
      {"f4", "line 9: the pointer p points into a and into b"},
      {"f5", "line 10: a loop without a countable end"},
      {"f6", "line 11: a goto backwards or into a block"},
      {"f7", "line 12: calls is static"},
      {"f8", "line 13: a loop without a countable end"},
      {"f9", "line 14: the parameter h is unsigned"},
      {"f10", "line 15: * of unsigned numbers, which wraps"},
      {"f11", "line 16: - of unsigned numbers, which wraps"},
      {"f12", "line 17: + of unsigned numbers, which wraps"},
      {"f13", "line 19: the file-scope array elsewhere has no length here: write it, elsewhere[LENGTH]"},
      {"main", "line 20: main is a program's own: "},
      {"f14", "line 24: more than 5 loops are nested: make the outer one the caller's"}};
  for (const auto& [function, start] : kCases) CHECK_MESSAGE(text.refusal(function).starts_with(start), text.refusal(function));
}

TEST_CASE(
    "front: of a step that is a parameter the sign is the bound's; a loop that ends where it meets its bound goes there either "
    "way") {
  const CText text(R"(
void up(int n, int k, float a[n + 1]) { for (int i = 0; i < n; i += k) a[i] = 1; }
void down(int n, int k, float a[n + 1]) { for (int i = n; i > 0; i -= k) a[i] = 1; }
void down_to(int n, int k, float a[n + 1]) { int i = n; while (i >= 0) { a[i] = 1; i -= k; } }
void until(int n, int k, float a[n + 1]) { for (int i = 0; i != n; i += k) a[i] = 1; }
void until_front(int n, int k, float a[n + 1]) { for (int i = n; i != 0; i -= k) a[i] = 1; }
void at_least_once(int n, int k, float a[n + 1]) { int i = 0; do { a[i] = 1; i += k; } while (i != n); }
)");
  const auto subscripts = [&](const std::string& name, std::int64_t n, std::int64_t k) {
    const Front front = text.front(name);
    REQUIRE(front.function.body.size() == 1);
    const ak::loop::Node& loop = front.function.body[0];
    std::vector<std::int64_t> all;
    ak::loop::Values values{{"n", n}, {"k", k}};
    const std::int64_t end = ak::loop::evaluate(loop.end, values).value();
    for (std::int64_t i = ak::loop::evaluate(loop.begin, values).value(); i < end; i += loop.step) {
      values[loop.variable] = i;
      all.push_back(ak::loop::evaluate(loop.body[0].target.terms[0], values).value());
    }
    return all;
  };
  using Subscripts = std::vector<std::int64_t>;
  CHECK(subscripts("up", 7, 3) == Subscripts{0, 3, 6});
  CHECK(subscripts("up", -7, 3) == Subscripts{});
  CHECK(subscripts("down", 7, 3) == Subscripts{7, 4, 1});
  CHECK(subscripts("down", 6, 3) == Subscripts{6, 3});
  CHECK(subscripts("down", -6, 3) == Subscripts{});
  CHECK(subscripts("down_to", 6, 3) == Subscripts{6, 3, 0});
  CHECK(subscripts("until", 6, 3) == Subscripts{0, 3});
  CHECK(subscripts("until", -6, -3) == Subscripts{0, -3});
  CHECK(subscripts("until", 0, 0) == Subscripts{});
  CHECK(subscripts("until_front", 6, 2) == Subscripts{6, 4, 2});
  CHECK(subscripts("until_front", -6, -2) == Subscripts{-6, -4, -2});
  CHECK(text.refusal("at_least_once").starts_with("line 7: a loop without a countable end"));
}

TEST_CASE("front: an unsigned number that may have wrapped is not ordered, divided or widened") {
  const CText text(R"(
void f0(int n, int b[n], const int key[n]) { for (int i = 0; i < n; i++) { unsigned h = key[i]; b[i] = h % 16; } }
void f1(int n, int b[n], const int key[n]) { for (int i = 0; i < n; i++) { unsigned h = key[i]; b[i] = h >> 28; } }
void f2(int n, float b[1], const float a[n]) {
  unsigned long best = -1, m = n;
  for (int i = 0; i < n; i++) if (a[i] > 3) best = i;
  if (best < m) b[0] = 1;
}
void f3(int n, float b[1], const float a[n]) { unsigned k = n; float s = 0; while (k--) s += a[k]; b[0] = s + k; }
void f4(int n, int lo, int b[n], const int x[n]) {
  for (int i = 0; i < n; i++) { unsigned far = x[i] - lo; if (far < 10) b[i] = 1; }
}
long f5(int n, int a[n]) { unsigned k = n; while (k--) a[k] = 0; return k; }
void f6(int n, float a[n], const float wave[16]) {
  unsigned phase = 0;
  for (int i = 0; i < n; i++) { a[i] = wave[phase >> 28]; phase += 123456789; }
}
static int inside(unsigned long i, unsigned long n) { return i < n; }
void f7(int n, int a[n]) { for (int i = 0; i < n; i++) a[i] = inside(i - 1, n); }
void g0(int n, float a[n]) { for (unsigned long i = n; i-- > 0;) if (i > 2) a[i] = a[i - 1]; }
void g1(int n, float a[n]) { for (unsigned i = 0; i < n; i++) { a[i] = i % 3; if (i > 2) a[i] = i / 2; } }
void g2(int n, float a[n]) { for (unsigned i = n; i > 0; i--) a[i - 1] = 1; }
void g3(int n, const int start[n + 1], float a[n]) {
  for (int r = 0; r < n; r++) { unsigned end = start[r + 1]; for (unsigned k = start[r]; k < end; k++) a[k] = 1; }
}
void g4(int n, const int key[n], int a[n]) { for (int i = 0; i < n; i++) { unsigned h = key[i]; a[i] = h & 7; } }
)");
  for (const char* name : {"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"})
    CHECK_MESSAGE(text.refusal(name).find("an unsigned number is used that may have") != std::string::npos, name,
                  text.refusal(name));
  for (const char* name : {"g0", "g1", "g2", "g3", "g4"}) CHECK_NOTHROW_MESSAGE(text.normal(name), name);
}

TEST_CASE("front: _Generic is its choice alone; names may have any letters that C takes") {
  const CText text(R"(
void f(int n, float a[n]) { for (int i = 0; i < n; i++) a[i] = _Generic(a[i], int: 1, float: 2, default: 3); }
void größe(int länge, float ä[länge], float a$b[länge]) { for (int ï = 0; ï < länge; ï++) ä[ï] = a$b[ï]; }
)");
  CHECK(text.normal("f").find("a[i] = 2;") == std::string::npos);
  CHECK_MESSAGE(text.normal("f").find("a[i] = 2.0f;") != std::string::npos, text.normal("f"));
  Front front = text.front("größe");
  CHECK(ak::loop::text(analyse(std::move(front.function), {}, front.notes)) == "ï:parallel");
}

TEST_CASE("front: hostile texts end in one line") {
  const auto fault = [](const std::string& text) -> std::string {
    try {
      CText read(text);
      return read.refusal("f");
    } catch (const ak::Error& error) {
      return error.what();
    }
  };
  const auto repeated = [](const std::string& piece, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += piece;
    return text;
  };
  CHECK(fault("void f(int n, float a[n]) { a[0] = }").find("error: expected expression") != std::string::npos);
  CHECK(fault("void f(float a[2147483647][2147483647]) { a[0][0] = 1; }").find("error: array is too large") !=
        std::string::npos);
  CHECK(fault("void f(float *a) { a[0] = " + repeated("a[1] + ", 2000) + "1; }") ==
        "what clang says of this file is more than 256 MB");
  CHECK(fault("void f(float *a) { a[0] = " + repeated("a[1] + ", 300) + "1; }") ==
        "line 1: an expression is nested more than 200 deep");
  CHECK(fault("void f(int n, float *a) { " + repeated("if (n) { ", 150) + "a[0] = 1;" + repeated("}", 150) + "}") ==
        "line 1: statements are nested more than 100 deep");
  CHECK(fault("void f(float *a) { " + repeated("a[0] = 1; ", 3500) + "}") ==
        "line 1: more than 3000 statements: split the function");
}

TEST_CASE("front: what is made of clang's words has a deadline: one line, and the exit code of nothing to analyse") {
  std::string text = "void f(int n, int a[n]) {\n";
  for (int i = 0; i < 1400; ++i) text += fmt::format("  int x{0} = n + {0};\n", i);
  for (int i = 0; i < 1400; ++i) text += fmt::format("  a[{}] = x{};\n", i % 7, i);
  text += "}\n";
  for (const char* seconds : {"0", "0.001"}) {
    ak::Run run({AK_BINARY_DIR "/ak-analyse", "-", "f", "--name", "many.c", "--read-seconds", seconds}, ak::Run::Errors::apart,
                text);
    const auto status = run.wait(ak::Deadline::in(60));
    REQUIRE(status);
    CHECK(WIFEXITED(*status));
    CHECK(WEXITSTATUS(*status) == 3);
    CHECK(run.output() == "");
    CHECK(run.errors() ==
          fmt::format("ak-analyse: f of many.c: reading it takes more than {} s: put what is to be ported into a "
                      "file of its own, in smaller functions\n",
                      seconds));
  }
}

TEST_CASE("front: of functions that call each other often, each is looked at once") {
  std::string text = "static int g0(int x) { return x + 1; }\n";
  for (int i = 1; i < 60; ++i) text += fmt::format("static int g{0}(int x) {{ return g{1}(x) + g{1}(x + 1); }}\n", i, i - 1);
  text += "void f(int n, int a[n]) { for (int i = 0; i < n; i++) a[i] = g59(a[i]); }\n";
  CHECK(CText(text).refusal("f") == "line 45: calls are nested more than 16 deep");
}

TEST_CASE("front: clang has a deadline, and its absence is said") {
  const ak::TemporaryFolder folder("ak-front");
  const std::string path = folder.path();
  REQUIRE(::mkfifo((path + "/pipe.h").c_str(), 0600) == 0);
  std::ofstream(path + "/text.c") << "#include \"pipe.h\"\n";
  ClangCall call;
  call.file = path + "/text.c";
  call.seconds = 0.3;
  CHECK_THROWS_WITH_AS(parse(call),
                       "clang did not end within 0.3 s: does the file include a pipe, or a text or macros without an end?",
                       ak::Error);
  call.file = path + "/pipe.h";
  CHECK_THROWS_AS(parse(call), ak::Error);
  call.file = path + "/text.c";
  call.program = path + "/no-clang";
  try {
    parse(call);
    FAIL("it ran");
  } catch (const ak::Error& error) {
    CHECK(error.code() == ak::ErrorCode::missing_library);
  }
}

TEST_CASE("front: a loop that is left by one of two conditions counts by the other") {
  const CText text(R"(
void f(int n, float a[n]) {
  int i = 0;
  for (;;) {
    if (i >= n || a[i] < 0) break;
    a[i++] = 1;
  }
}
)");
  CHECK(text.normal("f") == R"(
for (int i = 0; i < n; ++i) {
  if (a[i] < 0.0f) {
    break;
  }
  a[i] = 1.0f;
}
)");
}

TEST_CASE("front: a parameter that is changed, by its address too, is a local") {
  const CText text(R"(
int total;
static void raise(int *x) { *x += 3; }
int f(int n, int a[n]) {
  int total = 0;
  raise(&n);
  for (int i = 0; i < 4; i++) total += a[i];
  return n + total;
}
void counts(int n, const int a[n]) { for (int i = 0; i < n; i++) total += a[i]; }
)");
  CHECK(text.normal("f") == R"(
total = 0;
for (int i = 0; i < 4; ++i) {
  total = total + a[i];
}
return n + 3 + total;
)");
  CHECK(text.front("f").function.parameters.size() == 2);
  // One of file scope that is written is an array of one.
  CHECK(text.normal("counts") == R"(
for (int i = 0; i < n; ++i) {
  total[0] = total[0] + a[i];
}
)");
  CHECK(extents(text.front("counts").function.parameters.back()) == "[1]");
}

TEST_CASE("front: flags of a build write no file") {
  const ak::TemporaryFolder folder("ak-front");
  const std::string object = folder.path() + "/text.o";
  ClangCall call;
  call.file = folder.path() + "/text.c";
  std::ofstream(call.file) << "int two(void) { return TWO; }";
  call.flags = {"-DTWO=2", "-MMD", "-c", "-o", object};
  CHECK(Unit(parse(call)).function("two"));
  CHECK(!std::filesystem::exists(object));
}

TEST_CASE("front: isnan, isfinite and isinf are comparisons; a cast to void is nothing") {
  const CText text(R"(
#include <math.h>
void f(int n, float a[n], const double b[n]) {
  (void)b;
  for (int i = 0; i < n; i++) a[i] = isnan(a[i]) ? 1 : !isfinite(b[i]) ? 2 : isinf(a[i]);
}
)");
  CHECK(text.normal("f") == R"(
for (int i = 0; i < n; ++i) {
  a[i] = (float)(a[i] != a[i] ? 1 : !(fabs(b[i]) < 1.0 / 0.0) ? 2 : (a[i] == 1.0f / 0.0f) - (a[i] == -(1.0f / 0.0f)));
}
)");
}

TEST_CASE("front: what is asked of pointers, asserts, wrapping numbers and library calls has its remedy") {
  const CText text(R"(
#include <assert.h>
#include <stdio.h>
#include <string.h>
void f0(int n, float *a) { if (n <= 0 || !a) return; a[0] = 1; }
void f1(int n, float *a) { if (a == NULL) return; a[0] = 1; }
void f2(int n, float *a) { if (a) a[0] = 1; }
void f3(int n, float *a) { assert(n > 0); a[0] = 1; }
void f4(int n, int *a) { for (int i = 0; i < n; i++) { unsigned u = (unsigned)i; u ^= u << 13; a[i] = (int)u; } }
void f5(int n, float *a) { memset(a, 0, n * sizeof *a); }
void f6(int n, float *a) { printf("%g", a[0]); }
)");
  const std::pair<const char*, const char*> kCases[] = {
      {"f0", "line 5: a test of a pointer, or its use as a number: leave it to the caller"},
      {"f1", "line 6: a test of a pointer"},
      {"f2", "line 7: a test of a pointer"},
      {"f3", "line 8: assert is not supported: leave it out with -DNDEBUG (behind --)"},
      {"f4",
       "line 9: << of unsigned numbers, which wraps: use int or long long; where wrapping at 32 bits is meant, long long and & "
       "0xffffffff"},
      {"f5", "line 10: it calls memset, whose body is not in the file: write it as a loop"},
      {"f6",
       "line 11: it calls printf, whose body is not in the file: put its body into the file, or, if what it does may be "
       "missing"}};
  for (const auto& [function, start] : kCases) CHECK_MESSAGE(text.refusal(function).starts_with(start), text.refusal(function));
}

TEST_CASE("front: a text from standard input goes by its name, and what is missing has its remedy") {
  ClangCall call;
  call.file = "-", call.name = "audio.c";
  CHECK(with_file_name("<stdin>:5:10: no, struct (unnamed at <stdin>:4:8)", call) ==
        "audio.c:5:10: no, struct (unnamed at audio.c:4:8)");
  const auto error = [](const auto& does) -> std::string {
    try {
      does();
      return "";
    } catch (const ak::Error& thrown) {
      return thrown.what();
    }
  };
  CHECK(error([] {
          CText("#include \"audio.h\"\n");
        }).ends_with("file not found: give its folder as a compiler's flag, -IFOLDER (behind --)"));
  const CText text("void f(void) {}\nvoid größe(void) {}\nint h(void);\n");
  CHECK(error([&] { text.front("nosuch"); }) == "there is no function nosuch with a body: there are f, größe");
  CHECK(error([&] { text.front("länge"); }) == "there is no function länge with a body: there are f, größe");
  CHECK(error([] {
          ClangCall absent;
          absent.program = "no-such-clang", absent.file = AK_SOURCE_DIR "/examples/filters.c";
          parse(absent);
        }) == "there is no program no-such-clang, which reads C: install clang");
}

TEST_CASE("front: the body of a loop that declares its own variable") {
  const CText text(R"(
void step(int n, float u[n], float v[n]) {
  for (int t = 0; t < 3; t++) {
    for (int i = 1; i < n; i++) v[i] = u[i - 1];
    for (int i = 1; i < n; i++) u[i] = v[i];
  }
}
void rows(int n, int m, float a[n][m]) {
  for (int r = 0; r < n; r++) for (int c = 0; c < m; c++) a[r][c] = 0;
}
void counted(int n, float u[n]) {
  int k = 7;
  for (k = 0; k < n; k++) u[k] = 0;
}
)");
  const auto normal = [&](const char* function, const char* body) {
    return ak::loop::c_text(text.front(Choice{function, body, {}}).function.body, 0);
  };
  CHECK(normal("step", "i") == "v[i] = u[i - 1];\n");
  CHECK(normal("counted", "k") == "u[k] = 0.0f;\n");
  CHECK_THROWS_WITH_AS(text.front(Choice{"rows", "r", {}}),
                       "line 9: the inner extents of a are not constant, which the body of a loop alone needs", Refused);
}

TEST_CASE("front: a parameter of another type has its remedy") {
  const CText text(R"(
#include <stdint.h>
#include <stddef.h>
enum mode { up, down };
struct body { float x; };
void f0(int n, uint8_t *a) { a[0] = 1; }
void f1(int n, float **a) { a[0][0] = 1; }
void f2(struct body *a) { a->x = 1; }
void f3(enum mode m, float *a) { a[0] = m; }
size_t f4(int n) { return 1; }
void f5(float *a) { struct body b; b.x = 1; a[0] = b.x; }
void f6(float *a, const float *end) { while (a < end) *a++ = 0; }
)");
  CHECK_MESSAGE(text.refusal("f0").ends_with("pointers to them are supported: make them int"), text.refusal("f0"));
  CHECK(text.refusal("f1").ends_with(": pass each array as a parameter of its own"));
  CHECK(text.refusal("f2").ends_with(": pass its members as parameters of their own"));
  CHECK_MESSAGE(text.refusal("f3").ends_with(": make it int"), text.refusal("f3"));
  CHECK(text.refusal("f4").starts_with("line 10: it returns size_t: nothing"));
  CHECK_MESSAGE(text.refusal("f5").ends_with(": make its members variables of their own"), text.refusal("f5"));
  CHECK(text.refusal("f6") == "line 12: pointers into a and into end are compared: give the loop a count of elements");
}

TEST_CASE("front: a value steers where the verdict without it leaves something open that it would close") {
  const CText text(R"(
void reverse(int n, float a[n], const float b[n]) { for (int i = 0; i < n; i++) a[i] = b[n - 1 - i]; }
void gain(int n, float a[n], const float b[n], float g) { while (n--) *a++ = *b++ * g; }
void last(int n, float a[n], const float b[n]) { for (int i = 1; i < n - 1; i++) a[i] = b[i - 1]; a[n - 1] = b[n - 1]; }
void echo(int n, float a[n], int delay, float g) { for (int i = delay; i < n; i++) a[i] += g * a[i - delay]; }
void turn(int rows, int cols, float a[rows * cols], const float b[rows * cols]) {
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++) a[c * rows + r] = b[r * cols + c];
}
void next_row(int w, int h, float a[w * h + 1]) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) a[y * w + x] = a[y * w + x + 1];
}
void pitched(int w, int h, int pitch, float a[h * pitch]) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) a[y * pitch + x] += 1;
}
void chaos(int n, float a[n], int k) { for (int i = 1; i < n; i++) a[i] = a[i - 1] * (1 - a[i - 1]) * k; }
void columns(int n, int r, int s, int u, int v, int w, float *x, float *y, float *z) {
  for (int i = r; i < n - s; i++) x[i * u] += 1, y[i * v] += 1, z[i * w] += 1;
}
void box(int h, int w, int r, const float *x, float *y) {
  for (int i = r; i < h - r; i++)
    for (int j = r; j < w - r; j++) {
      float s = 0;
      for (int dy = -r; dy <= r; dy++)
        for (int dx = -r; dx <= r; dx++) s += x[(i + dy) * w + j + dx];
      y[i * w + j] = s;
    }
}
)");
  const auto verdict_of = [&](const std::string& name) {
    const Choice choice{name, {}, {}};
    Front front = text.front(choice);
    auto verdict = analyse(std::move(front.function), {}, front.notes);
    find_steering(text.unit(), choice, {}, verdict);
    return verdict;
  };
  const auto steers = [&](const std::string& name) { return verdict_of(name).steering; };
  using Names = std::vector<std::string>;
  for (const char* name : {"reverse", "gain", "last", "chaos"}) CHECK_MESSAGE(steers(name) == Names{}, name);
  CHECK(steers("echo") == Names{"delay"});
  for (const char* name : {"turn", "next_row"}) CHECK_MESSAGE(steers(name) == Names{}, name);
  CHECK(steers("pitched") == Names{"pitch"});
  CHECK(verdict_of("columns").assumed.size() == 3);  // margins do not crowd out rows
  // Of a window neither the rows' length says more nor how far it reaches, as that is no less than nothing.
  const auto box = verdict_of("box");
  CHECK(box.steering == Names{});
  CHECK(box.assumed == std::vector<ak::loop::Term>{ak::loop::binary(">=", ak::loop::scalar("r", ak::loop::ScalarType::i32), ak::loop::integer(0))});
  CHECK(std::ranges::none_of(box.findings, [&](const auto& one) { return one.text.find("give --size") != std::string::npos; }));
}

TEST_CASE("front: the largest subscript is a pointer's length: past steps and edges, and of products of sizes") {
  const CText text(R"(
void pairs(int n, float* a) { for (int i = 0; i + 1 < n; i += 2) { float t = a[i]; a[i] = a[i + 1]; a[i + 1] = t; } }
void by_eight(int n, float* a) { for (int i = 0; i + 8 <= n; i += 8) for (int k = 0; k < 8; k++) a[i + k] *= 2; }
void once(int n, float* a) { int i = 0; do { a[i] = 1; i++; } while (i < n); }
void ends(int n, float* a) { a[0] = 1; for (int i = 1; i < n - 1; i++) a[i] = 0; a[n - 1] = 2; }
void delayed(int n, float* a, int k) { for (int i = k; i < n; i++) a[i] += a[i - k]; }
void turn(float* a, const float* b, int n, int k) {
  for (int r = 0; r < n; r++)
    for (int c = 0; c < k; c++) a[c * n + r] = b[r * k + c];
}
void blur(int n, int k, float* a, const float* b) {
  for (int y = 1; y < k - 1; y++)
    for (int x = 1; x < n - 1; x++) a[y * n + x] = b[(y - 1) * n + x] + b[(y + 1) * n + x] + b[y * n + x + 1];
}
void strided(int n, int k, float* a) { for (int i = 0; i < n; i++) a[i * k] = 1; }
void triangle(int n, int k, float* a) { for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) a[i * k + j] = 1; }
void mirror(int n, int k, float* a, const float* b) {
  for (int y = 0; y < k; y++) for (int x = 0; x < n; x++) a[y * n + n - 1 - x] = b[y * n + x];
}
void below(int n, float* a) { for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) a[i * n + j] = 1; }
static int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }
void clamped(int n, int k, float* a, const float* b) {
  for (int y = 0; y < k; y++)
    for (int x = 0; x < n; x++) a[y * n + x] = b[y * n + clamp(x + 1, 0, n - 1)] + b[clamp(y + 1, 0, k - 1) * n + x];
}
void volume(int n, int k, float* a) {
  for (int z = 0; z < 3; z++)
    for (int y = 0; y < k; y++)
      for (int x = 0; x < n; x++) a[(z * k + y) * n + x] *= 2;
}
void all(int n, int k, float* a) { for (int i = 0; i < n * k; i++) a[i] = 0; }
void by_step(int n, int k, float* a) { for (int i = 0; i < n; i += k) a[i + 1] = 0; }
int keep(int n, const float* a, float* b) { int m = 0; for (int i = 0; i < n; i++) if (a[i] > 0) b[m++] = a[i]; return m; }
void keep_two(int n, int k, const float* a, float* b) {
  int m = 1;
  for (int y = 0; y < k; y++)
    for (int x = 0; x < n; x++)
      if (a[y * n + x] > 0) b[m++] = a[y * n + x], b[m++] = 0;
}
int repeat(int n, const float* a, float* b) { int m = 0; for (int i = 0; i < n; i++) { b[m] = a[i]; if (a[i] > 0) m++; } return m; }
void keep_both(int n, const float* a, float* b) {
  int m = 0;
  for (int i = 0; i < n; i++)
    if (a[i] > 0) b[m++] = a[i];
  for (int i = 0; i < n; i++)
    if (a[i] < 0) b[m++] = a[i];
}
void keep_behind(int n, const float* a, float* b) {
  int m = 0;
  for (int i = 0; i < n; i++)
    if (a[i] < 0) m++;
  for (int i = 0; i < n; i++)
    if (a[i] > 0) b[m++] = a[i];
}
)");
  const auto verdict = [&](const std::string& name) {
    Front front = text.front(name);
    return analyse(std::move(front.function), {}, front.notes);
  };
  const auto lengths = [&](const std::string& name, std::int64_t n, std::int64_t k) {
    std::vector<std::int64_t> all;
    for (const auto& parameter : verdict(name).function.parameters)
      if (parameter.pointer && parameter.length_known)
        all.push_back(ak::loop::evaluate(parameter.extents[0], {{"n", n}, {"k", k}}).value_or(-1));
    return all;
  };
  using Lengths = std::vector<std::int64_t>;
  CHECK(lengths("pairs", 10, 0) == Lengths{10});
  CHECK(lengths("by_eight", 24, 0) == Lengths{24});
  CHECK(lengths("once", 10, 0) == Lengths{10});
  CHECK(lengths("once", 0, 0) == Lengths{1});
  CHECK(lengths("ends", 10, 0) == Lengths{10});
  CHECK(lengths("ends", 0, 0) == Lengths{1});
  CHECK(lengths("delayed", 10, 3) == Lengths{10});
  CHECK(lengths("delayed", 10, -3) == Lengths{13});  // of a[9 + 3]
  CHECK(lengths("turn", 5, 7) == Lengths{35, 35});
  CHECK(lengths("blur", 5, 7) == Lengths{5 * 6 - 1, 5 * 7 - 1});
  CHECK(lengths("strided", 5, 7) == Lengths{29});
  CHECK(ak::port::roles_of(verdict("strided").function).integers == std::vector<std::string>{"k"});
  CHECK(lengths("mirror", 5, 7) == Lengths{35, 35});
  CHECK(lengths("below", 5, 0) == Lengths{24});
  CHECK(lengths("clamped", 5, 7) == Lengths{35, 35});
  CHECK(lengths("volume", 5, 7) == Lengths{5 * 7 * 3});
  CHECK(lengths("all", 5, 7) == Lengths{35});
  CHECK(lengths("by_step", 5, 3) == Lengths{6});
  CHECK(lengths("by_step", 5, 0) == Lengths{6});
  CHECK(lengths("keep", 5, 0) == Lengths{5, 5});
  CHECK(lengths("keep_two", 5, 7) == Lengths{35, 71});
  CHECK(lengths("repeat", 5, 0) == Lengths{5, 5});
  // What a counter has counted before its loop is behind it.
  CHECK(lengths("keep_both", 5, 0) == Lengths{5, 10});
  CHECK(lengths("keep_behind", 5, 0) == Lengths{5, 10});
  // Where a loop depends on another more than the products' ends would have to be known.
  CHECK(lengths("triangle", 5, 7) == Lengths{});
}
