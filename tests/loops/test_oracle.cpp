// The C function as the reference: from its text, from its normal form, in double, and when it does not behave.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "ak/types.hpp"
#include "base/box.hpp"
#include "base/environment.hpp"
#include "made.hpp"
#include "port/c/c_rewrite.hpp"
#include "port/c/oracle.hpp"

using namespace ak::port;
using ak::Deadline;
using ak::Error;
using ak::loop::ScalarType;

namespace {

const Deadline kSoon = Deadline::in(600);  // from the program's start

Case halved_case(int n) {
  Case made = laid_out(made::halved(), {{"n", n}});
  for (int i = 0; i < n; ++i) made.memories[0].set<float>(i, -1);
  for (int i = 0; i <= n; ++i) made.memories[1].set<float>(i, static_cast<float>(i) / 3);
  return made;
}

made::Function prototype(made::Function function) {
  function.body.clear();
  return function;
}

std::string error_of(const std::string& text, CompilerOptions options = {}) {
  try {
    Oracle oracle(prototype(made::halved()), Source{text, "filters.c"}, std::move(options), kSoon);
    return "no error";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("oracle: a function's text runs in a process of its own, in float and in double") {
  const Source source{
      "#include <math.h>\n#define HALF 0.5f\nstatic float f(float x) { return fabsf(x) * HALF; }\n"
      "void halved(int n, float b[n], const float a[n + 1]) { for (int i = 0; i < n; i++) b[i] = f(a[i + 1]) + SHIFT; }\n"
      "int main(void) { return 3; }\n",
      ""};
  CompilerOptions options;
  options.flags = {"-D", "SHIFT=0.1f", "-DHALVED", "-I."};
  Oracle oracle(prototype(made::halved()), source, options, kSoon);
  for (const int n : {100, 0, 3}) {
    const Case given = halved_case(n);
    const Expected left = oracle.run(given, kSoon);
    CHECK(judge(given, left, left.c, true).right());
    for (int i = 0; i < n; ++i) {
      const float third = static_cast<float>(i + 1) / 3;
      CHECK(left.c[0].get<float>(i) == third * 0.5f + 0.1f);
      CHECK(left.in_double[0].get<double>(i) == third * 0.5 + 0.1);
    }
  }
  CHECK_FALSE(oracle.walk(halved_case(3), kSoon));
}

TEST_CASE("oracle: text and normal form leave the same bits, or the analysis has misread the function") {
  for (const char* factor : {"0.5f", "0.25f"}) {
    const Source source{
        fmt::format("void halved(int n, float* b, const float* a) {{ while (n-- > 0) b[n] = a[n + 1] * {}; }}", factor), ""};
    Oracle oracle(made::halved(), source, {}, kSoon);
    const Case given = halved_case(10);
    const Expected expected = oracle.run(given, kSoon);
    const auto walk = oracle.walk(given, kSoon);
    REQUIRE(walk);
    const auto apart = oracle.disagreement(given, expected, *walk);
    CHECK(apart.has_value() == (std::string(factor) != "0.5f"));
    if (apart) CHECK(*apart == "b[0] is 0.0833333358 and 0.166666672");
  }
}

TEST_CASE("oracle: a sum in another order than the text's is no misreading, one of fewer terms is") {
  for (const char* end : {"n", "n - 2"}) {
    const Source source{
        fmt::format("float summed(int n, const float* a) {{ float s = 0; for (int i = 0; i < {}; i += 2) s += a[i] "
                    "+ a[i + 1]; return s; }}",
                    end),
        ""};
    Oracle oracle(made::summed(), source, {}, kSoon);
    Case given = laid_out(made::summed(), {{"n", 1000}});
    for (int i = 0; i < 1000; ++i) given.memories[1].set<float>(i, i < 998 ? static_cast<float>(i * 7919 % 1000) / 7 : 1000);
    const Expected expected = oracle.run(given, kSoon);
    const auto walk = oracle.walk(given, kSoon);
    REQUIRE(walk);
    CHECK(oracle.disagreement(given, expected, *walk));
    oracle.rounds_otherwise = true;
    CHECK(oracle.disagreement(given, expected, *walk).has_value() == (std::string(end) != "n"));
  }
}

TEST_CASE("oracle: a value that is returned goes where the result's pointer points") {
  Oracle oracle(made::summed(), std::nullopt, {}, kSoon);
  Case given = laid_out(made::summed(), {{"n", 1000}});
  for (int i = 0; i < 1000; ++i) given.memories[1].set<float>(i, 0.1f);
  const Expected left = oracle.run(given, kSoon);
  float sum = 0;
  for (int i = 0; i < 1000; ++i) sum += 0.1f;
  CHECK(left.c[0].get<float>(0) == sum);
  CHECK(left.in_double[0].get<double>(0) == doctest::Approx(1000 * double{0.1f}).epsilon(1e-12));
}

TEST_CASE("oracle: arrays of file scope are arguments, tables among them") {
  const Source source{
      "static const float table[2] = {1, 2}; float scale = 1; float *last; static float sums[3];\n"
      "void f(int n, float a[n]) { for (int i = 0; i < n; i++) { a[i] += table[i & 1] * scale; sums[i % 3] += a[i]; } last[0] "
      "= a[n-1]; }",
      ""};
  const auto implicit = [](made::Parameter parameter, bool constant) {
    parameter.implicit = true, parameter.constant = constant;
    return parameter;
  };
  using namespace made;
  const Function f =
      function("f",
               {size("n"), array("a", i32("n")), implicit(array("last", integer(1)), false), implicit(value("scale"), false),
                implicit(array("sums", integer(3)), false), implicit(array("table", integer(2)), true)},
               {});
  Oracle oracle(f, source, {}, kSoon);
  Case given = laid_out(f, {{"n", 4}});
  given.arguments[3].real = 10;
  for (int i = 0; i < 4; ++i) given.memories[0].set<float>(i, 0);
  for (int i = 0; i < 3; ++i) given.memories[2].set<float>(i, 100);
  for (int i = 0; i < 2; ++i) given.memories[3].set<float>(i, 5.0f + static_cast<float>(i));
  const Expected left = oracle.run(given, kSoon);
  CHECK(left.c[0].get<float>(1) == 60);
  CHECK(left.c[1].get<float>(0) == 60);
  CHECK(left.c[2].get<float>(0) == 100 + 50 + 60);
  CHECK(left.in_double[2].get<double>(1) == 160);
  CHECK(left.c[3] == given.memories[3]);
}

TEST_CASE("oracle: a scalar of file scope that is written is an array of one") {
  using namespace made;
  const auto implicit = [](made::Parameter parameter) {
    parameter.implicit = true;
    return parameter;
  };
  const Function f = function("f",
                              {size("n"), array("a", i32("n")), implicit(array("calls", integer(1), false, ScalarType::i32)),
                               implicit(array("peak", integer(1)))},
                              {});
  Oracle oracle(f,
                Source{"static int calls; float peak;\nvoid f(int n, float a[n]) { for (int i = 0; i < n; i++) { a[i] = "
                       "calls++; if (a[i] > peak) peak = a[i]; } }",
                       ""},
                {}, kSoon);
  Case given = laid_out(f, {{"n", 3}});
  given.memories[1].set<int>(0, 5);
  given.memories[2].set<float>(0, 6);
  const Expected left = oracle.run(given, kSoon);
  CHECK(left.c[0].get<float>(2) == 7);
  CHECK(left.c[1].get<int>(0) == 8);
  CHECK(left.c[2].get<float>(0) == 7);
}

TEST_CASE("oracle: the walk counts each side of each condition and finds what leaves an array") {
  using namespace made;
  // for i < n: if (a[i] > 1) break; else b[i + k] = a[i] > 0 ? 1 : 2
  const Term choice{
      Term::Kind::choose, ScalarType::f32, "", {binary(">", at("a", i32("i")), integer(0)), real("1.0"), real("2.0")}};
  const Function f = function("f", {size("n"), size("k"), array("b", i32("n")), array("a", i32("n"), true)},
                              {loop(1, "i", integer(0), i32("n"),
                                    {branch(2, binary(">", at("a", i32("i")), integer(1)), {leave(3, 1)},
                                            {assign(4, at("b", binary("+", i32("i"), i32("k"))), choice)})})});
  Oracle oracle(f, std::nullopt, {}, kSoon);
  REQUIRE(oracle.conditions().size() == 2);
  CHECK(oracle.conditions()[0].text == "a[i] > 0");
  CHECK(oracle.conditions()[1].leaves);
  Case given = laid_out(f, {{"n", 10}, {"k", 0}});
  for (int i = 0; i < 10; ++i) given.memories[1].set<float>(i, i < 4 ? 0.5f : i < 7 ? -1.0f : 2.0f);
  auto walk = oracle.walk(given, kSoon);
  CHECK(walk->taken == std::vector<std::int64_t>{4, 3, 1, 7});
  CHECK(walk->outside.empty());
  given.arguments[1].integer = 4;
  CHECK(oracle.walk(given, kSoon)->outside == "line 4: subscript 10");
}

TEST_CASE("oracle: the user's flags have the last word of how far the compiler goes, not of how it rounds") {
  const auto first = [](std::vector<std::string> flags) {
    CompilerOptions options;
    options.flags = std::move(flags);
    Oracle oracle(prototype(made::halved()),
                  Source{"void halved(int n, float* b, const float* a) { int k = 3; b[0] = __builtin_constant_p(k); }", ""},
                  options, kSoon);
    return oracle.run(halved_case(3), kSoon).c[0].get<float>(0);
  };
  CHECK(first({}) == 1);
  CHECK(first({"-O0"}) == 0);
  CompilerOptions options;
  options.flags = {"-O1", "-ffast-math", "-Ix"};
  CHECK(c_flags(options) == std::vector<std::string>{"-O2", "-O1", "-ffast-math", "-fno-fast-math", "-ffp-contract=off"});
}

TEST_CASE("oracle: an integer that overflows is seen, and -fwrapv makes it none") {
  const auto overflows = [](std::vector<std::string> flags, const char* by) {
    CompilerOptions options;
    options.flags = std::move(flags);
    Oracle oracle(prototype(made::halved()),
                  Source{fmt::format("void halved(int n, float* b, const float* a) {{ int k = n; "
                                     "for (int i = 0; i < 20; i++) k *= {}, b[0] = k; }}",
                                     by),
                         ""},
                  options, kSoon);
    return oracle.overflows(halved_case(3), kSoon);
  };
  CHECK(overflows({}, "7"));
  CHECK(!overflows({}, "1"));
  CHECK(!overflows({"-fwrapv"}, "7"));
}

TEST_CASE("oracle: a function that crashes or never ends takes nothing with it") {
  const Source source{
      "void halved(int n, float* b, const float* a) { volatile int zero = 0; if (n == 1) zero = (n + 9) / zero; if (n == 2) "
      "for (;;) "
      "zero = 1;\n"
      "  if (n == 3) *(volatile int*)8 = 1; if (n == 4) missing_(a); if (n == 5) { extern void exit(int); exit(0); } b[0] = 9; "
      "}\n"
      "extern int other[]; int unused(void) { return elsewhere() + other[1]; }",
      ""};
  CompilerOptions options;
  options.flags = {"-std=gnu89"};
  Oracle oracle(prototype(made::halved()), source, options, kSoon);
  oracle.call_seconds = 0.2;
  ak::ErrorCode code{};
  const auto why = [&](int n, Deadline deadline = kSoon) -> std::string {
    try {
      oracle.run(halved_case(n), deadline);
      return "";
    } catch (const Error& error) {
      code = error.code();
      return error.what();
    }
  };
#if defined(__x86_64__)
  CHECK(why(1) == "the C function 'halved' ended by an integer division by zero ()");
#endif
  CHECK(why(2) == "the C function 'halved' did not end in time ()");
  CHECK(code == ak::ErrorCode::invalid_argument);  // it had the time that a call may take
  CHECK(why(2, Deadline::in(0.05)) == "the C function 'halved' did not end in time ()");
  CHECK(code == ak::ErrorCode::unsupported);  // it may end with more
  CHECK(why(3) == "the C function 'halved' ended by an access to memory that is not its own ()");
  CHECK(why(4) == "the C function 'halved' ended by an access to memory that is not its own ()");
  CHECK(why(6).empty());
  CHECK(why(5) == "the C function 'halved' ended by exit code 0 ()");
}

TEST_CASE("oracle: what does not compile is said in one line") {
  CHECK(error_of("void halved(int n, float* b, const float* a) {\n  b[0] = c;\n}\n")
            .starts_with("the C compiler refuses the text: filters.c:2:"));
  CHECK(error_of("#include \"not_there.h\"\n").find("not_there.h") != std::string::npos);
  CHECK(error_of("#include \"not_there.h\"\n").find('\n') == std::string::npos);
  CompilerOptions absent;
  absent.compiler = "no-such-cc";
  CHECK(error_of("", absent) == "the C compiler 'no-such-cc' is not there: name another with AK_CC");
  CompilerOptions hasty;
  hasty.seconds = 0.2;
  CHECK(error_of("#include \"/dev/zero\"\n", hasty).starts_with("the C compiler"));  // endless
}

TEST_CASE("oracle: without a compiler it says what to do") {
  const std::string before = ak::environment("PATH");
  ::setenv("PATH", "/nowhere", 1);
  ak::read_environment();
  const std::string error = error_of("");
  ::setenv("PATH", before.c_str(), 1);
  ak::read_environment();
  CHECK(error ==
        "no C compiler, which a loop's proof needs: none of cc, gcc, clang is on PATH; install one or name it with AK_CC");
}

TEST_CASE("oracle: in double, float, its literals and its functions are another type; the compiler's headers stay") {
  const TokenChanges in_double{true, false};
  CHECK(changed("float x = 0.5f + .5F + 1e-3f + 0x1p3f + 0x1f + 1f2;", in_double) ==
        "double x = 0.5 + .5 + 1e-3 + 0x1p3 + 0x1f + 1f2;");
  CHECK(changed("fabsf(sqrtf(y)) + floatx + __builtin_fmaf(a, b, c) + selff", in_double) ==
        "fabs(sqrt(y)) + floatx + __builtin_fma(a, b, c) + selff");
  CHECK(changed("\"float\" 'f' const int main(void)", in_double) == "\"float\" 'f' const int main_(void)");
  CHECK(changed("# 1 \"/usr/include/math.h\" 1 3\nfloat sinf(float);\n# 2 \"a.c\" 2\nfloat x;\n", in_double) ==
        "# 1 \"/usr/include/math.h\" 1 3\nfloat sinf(float);\n# 2 \"a.c\" 2\ndouble x;\n");
  CHECK(changed("static const float t[2]", {false, true}) == "static  float t[2]");
}

TEST_CASE("oracle: the normal form in double") {
  using namespace made;
  Function f = halved();
  f.body[0].body[0].value = call("sqrtf", {binary("*", ak::loop::convert(ScalarType::f32, i32("i")), real("0.1"))});
  const Function wide = in_double(f);
  CHECK(ak::loop::c_text(wide.body[0].body, 0) == "b[i] = sqrt((double)i * 0.1);\n");
  CHECK(wide.parameters[1].type == ScalarType::f64);
}

TEST_CASE("oracle: a C function that opens a file to write ends there, and a compiler writes to its own folder alone") {
  if (!ak::missing_from_box().empty()) return;
  const std::string file = (std::filesystem::temp_directory_path() / fmt::format("ak-test-oracle-{}", ::getpid())).string();
  Oracle oracle(prototype(made::halved()),
                Source{fmt::format("#include <stdio.h>\n#include <unistd.h>\n"
                                   "void halved(int n, float* a, const float* b) {{\n"
                                   "  FILE* read = fopen(\"/dev/null\", \"r\");\n  if (!read) _exit(3);\n"
                                   "  FILE* out = n > 2 ? fopen(\"{0}\", \"w\") : 0;\n"
                                   "  if (n == 2) unlink(\"{0}.other\");\n"
                                   "  if (out) fputs(\"x\", out), fclose(out);\n}}\n",
                                   file),
                       "filters.c"},
                {}, kSoon);
  const auto why = [&](int n) -> std::string {
    try {
      oracle.run(halved_case(n), kSoon);
      return "it ran";
    } catch (const Unfit& unfit) {
      return unfit.what();
    }
  };
  CHECK(why(1) == "it ran");
  for (const int n : {2, 3})
    CHECK(why(n) == "the C function 'halved' ended by a call of the system that it may not make, such as to write a file ()");
  CHECK(!std::filesystem::exists(file));

  CompilerOptions options;
  options.flags = {"-fdump-tree-optimized=" + file, "-MD", "-MF", file};
  error_of("void halved(int n, float* a, const float* b) {}", options);
  CHECK(!std::filesystem::exists(file));
}
