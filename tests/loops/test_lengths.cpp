// Lengths of arrays that a text leaves open.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>

#include "analyser/analyse.hpp"
#include "made.hpp"
#include "text_verdict.hpp"

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
  CHECK(length_of(verdict, "b") == "0 < n ? n + 1 : 0");
  verdict = analyser::analyse(copy_function(), {{}, {}, {{"a", binary("*", integer(2), i32("n"))}}, {}});
  CHECK(length_of(verdict, "a") == "2 * n");
  CHECK(length_of(verdict, "b") == "0 < n ? n + 1 : 0");
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
  CHECK(verdict.refused ==
        "the length of b cannot be known: write it into the parameter's text, or give it, for example --length b=n");
  verdict = analyser::analyse(copy_function(), {}, {}, {}, {.operations = 1});
  CHECK(verdict.refused ==
        "the length of a, b cannot be known: write it into the parameter's text, or give it, for example --length a=n --length "
        "b=n");
}

TEST_CASE("lengths: what counts in fewer iterations than its slots are written in leaves them all their length") {
  // Each writes y[n - 1] at most, where all that is asked of data holds.
  for (const char* const body :
       {"for (int i = 0; i < n; i++) { y[k] = a[i]; if (i + 1 < n && a[i] != a[i + 1]) k++; }",
        "for (int i = 0; i < n; i++) { y[k] = a[i]; if (i < n - 1) if (a[i] > 0) k++; }",
        "for (int i = 0; i < n; i++) { y[k] = a[i]; k += (i + 1 < n) && (a[i] != a[i + 1]); }",
        "for (int i = n - 1; i >= 0; i--) { y[k] = a[i]; if (i > 0 && a[i] > 0) k++; }",
        "for (int i = 0; i < n; i++) { y[k] += 1; if (i + 1 < n && a[i] != a[i + 1]) { z[k] = a[i]; k++; } }"}) {
    CAPTURE(body);
    const loop::Verdict verdict =
        test::verdict_of_text(std::string("int f(int n, const int a[n], int z[n], int* restrict y) {\n  int k = 0;\n  ") +
                              body + "\n  return k;\n}\n");
    const loop::Parameter* y = loop::find_parameter(verdict.function, "y");
    REQUIRE(y);
    REQUIRE(y->length_known);
    for (const std::int64_t n : {1, 2, 7}) CHECK(*loop::evaluate(y->extents[0], {{"n", n}}) >= n);
    CHECK(*loop::evaluate(y->extents[0], {{"n", 1000}}) <= 1001);
  }
}

TEST_CASE("lengths: of what several loops append to, all that they count, whatever the calls' sizes are") {
  struct Appending {
    const char* loops;
    std::int64_t (*longest)(std::int64_t n, std::int64_t m);  // where every condition holds
  };
  static constexpr auto times = [](std::int64_t n) { return std::max<std::int64_t>(n, 0); };
  const std::string pack_a = "for (int i = 0; i < n; i++) if (a[i] > 0) y[k++] = a[i];";
  const Appending all[] = {
      {"for (int i = 0; i < m; i++) if (b[i] > 0) y[k++] = b[i];", [](auto n, auto m) { return times(n) + times(m); }},
      {"for (int i = 0; i < n; i++) if (a[i] < 9) y[k++] = a[i];", [](auto n, auto) { return 2 * times(n); }},
      {"for (int i = 0; i < m; i++) y[k++] = b[i];", [](auto n, auto m) { return times(n) + times(m); }},
      {"for (int i = 0; i < m; i++) { y[k] = b[i]; k += b[i] > 0; }", [](auto n, auto m) { return times(n) + times(m); }},
      {"for (int i = 0; i < m; i++) { y[k] = b[i]; k += b[i] > 0; } y[k] = -1;",
       [](auto n, auto m) { return times(n) + times(m) + 1; }},
      {"y[k++] = -1; for (int i = 0; i < m; i++) if (b[i] > 0) { y[k] = b[i]; y[k + 1] = i; k += 2; }",
       [](auto n, auto m) { return times(n) + 1 + 2 * times(m); }},
      {"for (int i = 0; i < m; i++) if (b[i] > 0) y[k++] = b[i]; else y[k++] = -b[i];",
       [](auto n, auto m) { return times(n) + times(m); }},
      {"for (int i = 0; i < m; i++) { if (b[i] > 0) k++; else k += 2; y[k] = b[i]; }",
       [](auto n, auto m) { return m > 0 ? times(n) + 2 * m + 1 : times(n); }},
      {"k = 0; for (int i = 0; i < m; i++) if (b[i] > 0) y[k++] = b[i];",
       [](auto n, auto m) { return std::max(times(n), times(m)); }},
      {"for (int i = 0; i < m; i++) if (b[i] > 0 && y[i + 2] > 0) y[k++] = b[i];",
       [](auto n, auto m) { return std::max(times(n) + times(m), m > 0 ? m + 2 : 0); }}};
  for (const Appending& one : all) {
    const loop::Verdict verdict = test::verdict_of_text(
        "void f(int n, int m, const float* a, const float* b, float* y) { int k = 0; " + pack_a + one.loops + " }");
    REQUIRE_MESSAGE(verdict.refused.empty(), one.loops << verdict.refused);
    const Term& length = loop::find_parameter(verdict.function, "y")->extents[0];
    for (const std::int64_t n : {-3, 0, 1, 2, 7})
      for (const std::int64_t m : {-4, 0, 1, 2, 6})
        CHECK_MESSAGE(std::max<std::int64_t>(0, loop::evaluate(length, {{"n", n}, {"m", m}}).value()) == one.longest(n, m),
                      one.loops << " n=" << n << " m=" << m << ": " << loop::c_text(length));
  }
  // Where it is not known from where the second loop counts, or that it only rises.
  for (const char* loops : {"if (m > 3) k = 2; for (int i = 0; i < m; i++) if (b[i] > 0) y[k++] = b[i];",
                            "k = m / n; for (int i = 0; i < m; i++) if (b[i] > 0) y[k++] = b[i];",
                            "for (int i = 0; i < m; i++) if (b[i] > 0) y[--k] = b[i];",
                            "for (int i = 0; i < m; i++) if (b[i] > 0) { y[k] = b[i]; k += i; }"})
    CHECK_MESSAGE(test::verdict_of_text("void f(int n, int m, const float* a, const float* b, float* y) { int k = 0; " +
                                        pack_a + loops + " }")
                          .refused.find("the length of y cannot be known") != std::string::npos,
                  loops);
}

namespace {

/// An array that knows which of its elements were asked for.
struct Touched {
  std::int64_t least = 0, length = 0;
  float value = 1;
  float& operator[](std::int64_t at) {
    least = std::min(least, at), length = std::max(length, at + 1);
    return value = 1;
  }
};

/// A body as text, and as it runs where all that is asked of data holds.
struct Running {
  const char* text;
  void (*run)(int n, int m, int k, Touched& a, Touched& y);
};
#define RUNNING(...)                                              \
  {                                                               \
#__VA_ARGS__, [](int n, int m, int k, Touched& a, Touched& y) { \
     int q = 0; \
     (void)n, (void)m, (void)k, (void)a, (void)y, (void)q; \
     __VA_ARGS__ \
   } \
  }

const Running kRunning[] = {
    RUNNING(for (int i = 0; i < n; i++) y[i] = a[i - k];),
    RUNNING(for (int i = 0; i < n; i++) y[i] = a[i] + a[i - k];),
    RUNNING(for (int i = 0; i < n; i++) y[i + k] = a[i] + a[i + m];),
    RUNNING(for (int i = 0; i < n; i++) y[i] = a[n + m - 1 - i];),
    RUNNING(for (int i = 0; i < n; i++) y[n * m - 1 - i] = a[2 * i];),
    RUNNING(for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) y[i] += a[j];),
    RUNNING(for (int i = k; i < n - k; i++) {
      float s = 0;
      for (int d = -k; d <= k; d++) s += a[i + d];
      y[i] = s;
    }),
    RUNNING(for (int j = 0; j < n; j++) for (int i = 0; i < m; i++) y[j * m + i] = a[j * k + i];),
    RUNNING(for (int j = 1; j < n; j++) for (int i = 0; i < m; i++) y[j * m + i] = a[(j - 1) * m + i] + a[j * m + i];),
    RUNNING(for (int j = 0; j < n; j++) y[j * m] = a[j * m + k];),
    RUNNING(for (int j = 0; j < n; j++) y[(n - 1 - j) * m + k] = a[k - j * m];),
    RUNNING(for (int i = 0; i < n; i++) y[q++] = a[i]; for (int i = 0; i < m; i++) y[q++] = a[i];),
    RUNNING(for (int i = 0; i < n; i++) {
      y[q] = a[i];
      if (i + 1 < n && a[i] > 0) q++;
    }),
    RUNNING(for (int i = 0; i < n; i++) {
      y[q] = a[i];
      if (a[i] > 0) q++;
    }),
    RUNNING(for (int i = 0; i < n; i++) {
      if (a[i] > 0) y[q++] = a[i];
      if (a[i] < 3) y[q++] = 2 * a[i];
    }),
    RUNNING(for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) if (a[i] > 0) y[q++] = a[j];),
    RUNNING(y[q++] = 1; for (int i = 0; i < n; i++) if (a[i] > 0) y[q++] = a[i];),
    RUNNING(q = m; for (int i = 0; i < n; i++) if (a[i] > 0) y[q++] = a[i];
            for (int i = 0; i < k; i++) if (a[i] > 0) y[q++] = a[i];),
    RUNNING(if (n > 3) y[5] = a[2]; else y[2] = a[7];),
    RUNNING(for (int i = 0; i < n; i++) y[i] = a[i]; if (m > 2) for (int i = 0; i < k; i++) y[i] += a[i + n];),
};

// One long step may be all of it; a condition on the step is no condition of every call.
const Running kStepping[] = {
    RUNNING(if (k > 0) for (int i = 0; i < n; i += k) y[i * m] = a[i];),
    RUNNING(if (k > 0) for (int i = 0; i < n; i += k) {
      if (k > 5) y[i - m] = 1;
      y[0] += a[i * m];
    }),
};

const Running kByConstants[] = {
    RUNNING(for (int i = 0; i < n; i += 2) y[i + 1] = a[i];),
    RUNNING(for (int i = 0; i < n; i += 3) y[i] = a[i + 1];),
    RUNNING(for (int i = n - 1; i >= 0; i -= 4) y[i] = a[n - 1 - i];),
    RUNNING(for (int i = 1; i + 1 < n; i += 2) y[i] = a[i - 1] + a[i + 1];),
    RUNNING(for (int i = 0; i < n; i += 2) for (int j = 0; j < m; j += 3) y[i + j] = a[2 * i + j];),
    RUNNING(for (int i = 0; i < n; i++) if (i % 2 == 0) y[i / 2] = a[i];),
};
#undef RUNNING

}  // namespace

namespace {

// Of each body and array, in calls that stay behind its beginning.
void each_length(std::span<const Running> bodies, const std::function<void(std::int64_t length, std::int64_t touched)>& check) {
  for (const Running& one : bodies) {
    const loop::Verdict verdict = test::verdict_of_text(
        std::string("void f(int n, int m, int k, const float* restrict a, float* restrict y) { int q = 0; ") + one.text + " }");
    REQUIRE_MESSAGE(verdict.refused.empty(), std::string(one.text) << verdict.refused);
    int calls = 0;
    for (const int n : {-5, -2, 0, 1, 2, 3, 6})
      for (const int m : {-4, -1, 0, 1, 2, 5})
        for (const int k : {-3, -1, 0, 1, 2, 4, 9}) {
          Touched a, y;
          one.run(n, m, k, a, y);
          if (a.least < 0 || y.least < 0) continue;  // before the arrays
          ++calls;
          for (const auto& [name, touched] : {std::pair{"a", a}, std::pair{"y", y}}) {
            const Term& length = loop::find_parameter(verdict.function, name)->extents[0];
            INFO(one.text, fmt::format(" {} of n={} m={} k={}: {}", name, n, m, k, loop::c_text(length)));
            check(std::max<std::int64_t>(0, loop::evaluate(length, {{"n", n}, {"m", m}, {"k", k}}).value()), touched.length);
          }
        }
    CHECK(calls > 50);
  }
}

}  // namespace

namespace {

bool is_certain(const loop::Verdict& verdict, const std::string& name) {
  return loop::find_parameter(verdict.function, name)->length_certain;
}

loop::Verdict verdict_of_body(const std::string& body) {
  const loop::Verdict verdict = test::verdict_of_text(
      "void f(int n, int m, int k, const int* restrict b, float* restrict a) { int q = 0; " + body + " }");
  REQUIRE_MESSAGE(verdict.refused.empty(), body << verdict.refused);
  return verdict;
}

}  // namespace

TEST_CASE("lengths: certain where the last element is touched whatever the data are, and what isl cannot read") {
  for (const char* const body : {
           "for (int i = 0; i < n; i++) if (b[i] > 0 && q < m) a[q++] = b[i];",
           "for (int i = 0; i < n; i++) if (b[i] > 0) a[q++] = b[i];",
           "for (int i = 0; i < n; i++) { int j = i * k; if (j < n) a[j] = b[i]; }",
           "for (int i = 0; i < n; i++) if (b[i] > 0) a[i] = b[i];",
           "for (int i = 0; i < n; i++) if (b[i] > 0) a[i + 1] = a[i]; else a[i] = 1;",
           "for (int i = 0; i < n; i++) { b[i]; if (b[i] > 0) a[i * m] = 1; }",
           "for (int i = 0; i < n; i++) { if (b[i] < 0) break; a[i] = b[i]; }",
           "for (int i = 0; i < n; i++) { a[i] = b[i]; if (b[i] < 0) return; }",
           "for (int i = 0; i < n; i++) a[0] += b[i] > 0 ? a[i + 1] : 0;",
           "for (int i = 0; i < n; i++) a[0] += b[i] > 0 && a[i + 1] > 0;",
           "if (k > 0) for (int i = 0; i < n; i += k) a[i] = b[i];",
           "for (int i = 0; i < n; i++) if (b[i] > 0) a[i * m + k] = 1; else a[0] = 1;",
           "for (int j = 0; j < n; j++) for (int i = 0; i < m; i++) if (b[i] > 0) a[j * m + i] = 1;",
       })
    CHECK_MESSAGE(!is_certain(verdict_of_body(body), "a"), body);
  for (const char* const body : {
           "for (int i = 0; i < n; i++) a[i] = b[i];",
           "for (int i = 0; i < n; i++) { a[i] = 0; if (b[i] > 0) a[i] = b[i]; }",
           "for (int i = 0; i < n; i++) { if (b[i] > 0) a[i] = b[i]; a[i + 1] = 2; }",
           "for (int i = 0; i < n; i++) { if (b[i] > 0 && q < n) a[q++] = b[i]; } for (int i = 0; i < n; i++) a[i] += 1;",
           "for (int i = 0; i < n; i++) if (i < m) a[i] = b[i]; else a[i] = 2;",
           "for (int i = 0; i < n; i++) a[i] = i > 0 ? a[i - 1] : b[i];",
           "for (int i = 0; i < n; i++) if (a[i] > 3) q++; a[0] = q;",
           "for (int j = 0; j < n; j++) for (int i = 0; i < m; i++) a[j * m + i] = 1;",
           "for (int j = 0; j < n; j++) for (int i = 0; i < m; i++) { a[j * m + i] = 1; if (b[i] > 0) a[j * m + i] = 2; }",
           "for (int j = 0; j < n; j++) a[j * m] = a[j * m + k];",
           "for (int i = 0; i < n; i += 3) a[i + 1] = b[i];",
       })
    CHECK_MESSAGE(is_certain(verdict_of_body(body), "a"), body);
  loop::Verdict verdict = analyser::analyse(copy_function(), {{}, {}, {{"a", binary("*", integer(2), i32("n"))}}, {}});
  CHECK(is_certain(verdict, "a"));
}

TEST_CASE("lengths: what a call touches, whatever the signs of its sizes are, and nothing where nothing runs") {
  each_length(kRunning, [](std::int64_t length, std::int64_t touched) { CHECK(length == touched); });
}

TEST_CASE("lengths: of loops that step by a parameter all that a call touches") {
  each_length(kStepping, [](std::int64_t length, std::int64_t touched) { CHECK(length >= touched); });
}

TEST_CASE("lengths: of loops by constant steps what the last one touches") {
  each_length(kByConstants, [](std::int64_t length, std::int64_t touched) { CHECK(length == touched); });
}
