// One GPU thread, made of a C text without the analyser.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ak/types.hpp"
#include "loop/term.hpp"
#include "port/analysis.hpp"
#include "port/c/bare_serial.hpp"
#include "port/candidates.hpp"
#include "tests/unit/stores.hpp"

using namespace ak;
using port::BareSerial;

namespace {

port::LoopSource source(const std::string& text, std::vector<std::string> flags = {}) {
  port::LoopSource source;
  source.file = "f.c", source.text = text, source.function = "f", source.flags = std::move(flags);
  return source;
}
BareSerial made(const std::string& text, std::vector<std::string> flags = {}) { return port::bare_serial(source(text, flags)); }

std::string lengths(const BareSerial& of) {
  std::string all;
  for (const loop::Parameter& each : of.function.parameters) {
    if (!each.pointer) continue;
    all += each.name + ":";
    if (!each.length_known) all += " ?";
    for (std::size_t i = each.length_known ? 0 : 1; i < each.extents.size(); ++i) all += " " + c_text(each.extents[i]);
    all += "; ";
  }
  return all;
}

std::string refused(const std::string& text) {
  try {
    made(text);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unsupported);
    return error.what();
  }
  return "none";
}

// By the real compiler, where there is one.
std::string compiled(const BareSerial& of) {
  if (!compiler_available()) return {};
  return port::compile_kernels(port::kernel_text(of.candidate), "sm_90a").failure;
}

const char kWhole[] = R"(#include <math.h>
#include <stdint.h>
#define LEN 8
#define LEN2 (LEN * 2)
typedef float real;
static inline real squared(real x) { return x * x; }
static real summed(int n, const real v[n]);
static real summed(int n, const real v[n]) { real s = 0; for (int i = 0; i < n; ++i) s += v[i]; return s; }
/* a comment, and "void f(" in it */
double f(int n, int64_t m, real a[restrict n * (n + 1) / 2], const double b[LEN2], real (c), real *const d, real e[][LEN],
         const real g[static m + 1]) {
  for (int i = 0; i < n; ++i) { a[i] = squared(c) + fabsf(d[i]) + e[i][3] + (real)b[0]; }
  return summed(n, g) + INFINITY;
}
)";

}  // namespace

TEST_CASE("bare serial: a prototype from its tokens, and a kernel of its text that compiles") {
  std::string text = kWhole;
  text.replace(text.find("real (c)"), 8, "real c  ");
  const BareSerial bare = made(text);
  const loop::Function& function = bare.function;
  CHECK(function.returns == loop::ScalarType::f64);
  REQUIRE(function.parameters.size() == 8);
  CHECK(function.parameters[0].type == loop::ScalarType::i32);
  CHECK(function.parameters[1].type == loop::ScalarType::i64);
  CHECK_FALSE(function.parameters[4].pointer);
  CHECK(function.parameters[3].constant);
  CHECK_FALSE(function.parameters[5].constant);  // the pointer is
  CHECK(lengths(bare) == "a: n * (n + 1) / 2; b: 16; d: ?; e: ? 8; g: m + 1; ");
  CHECK(bare.candidate.launches.size() == 1);
  CHECK(bare.candidate.scratch.empty());
  CHECK(compiled(bare) == "");
}

TEST_CASE("bare serial: flags, includes, lengths that are given") {
  const test_stores::Folder folder("bare");
  std::filesystem::create_directories(folder.path);
  std::ofstream(folder.path / "types.h")
      << "#pragma once\n#include <stdio.h>\ntypedef TYPE value;\nstatic value twice(value x) { return 2 * x; }\n";
  port::LoopSource of = source("#include \"types.h\"\n#include \"types.h\"\nvoid f(int n, value *a) { a[0] = twice(a[N]); }",
                               {"-DTYPE=double", "-D", "N=3"});
  of.file = folder.path / "f.c";
  of.lengths = {{"a", "2 * n"}};
  const BareSerial bare = port::bare_serial(of);
  CHECK(bare.function.parameters[1].type == loop::ScalarType::f64);
  CHECK(lengths(bare) == "a: 2 * n; ");
  CHECK(compiled(bare) == "");
}

TEST_CASE("bare serial: what needs the analyser is named") {
  CHECK(refused("void g(void) { }") == "f: no function of this name in 'f.c'");
  CHECK(refused("void f(int n);") == "f: no function of this name in 'f.c'");
  CHECK(refused("void f(unsigned n, float a[n]) { }") == "f: n has 'unsigned' in its type, which needs the analyser");
  CHECK(refused("void f(int n, struct s *a) { }") == "f: a has 'struct' in its type, which needs the analyser");
  CHECK(refused("void f(int n, float **a) { }") == "f: a is a pointer to pointers");
  CHECK(refused("void f(int n, float *a[n]) { }") == "f: a is a pointer to pointers");
  CHECK(refused("void f(int n, float a[n][n]) { }") ==
        "f: a has an inner dimension that is no constant: that needs the analyser");
  CHECK(refused("#ifdef X\nvoid f(int n) { }\n#else\nvoid f(int n) { }\n#endif") ==
        "f: it is defined twice, of which the preprocessor has one: that needs the analyser");
  CHECK(refused("void f(int, float *a) { }") == "f: a parameter without a name needs the analyser");
  CHECK(refused("void f(void) { }") == "none");
  CHECK(refused("float f() { return 1; }") == "none");
}

TEST_CASE("bare serial: no text is too strange to be read") {
  for (const char* text : {"",
                           "(",
                           "f(",
                           "void f(",
                           "void f(int n",
                           "void f(int n) {",
                           "#",
                           "# define",
                           "#define f",
                           "{{{{",
                           "))))",
                           "void f(float a[) { }",
                           "void f(float a[n) { }",
                           "typedef ;",
                           "void f(,) { }",
                           "void f([) { }",
                           "f{f(f)f}f",
                           "#define A B\n#define B A\nvoid f(A n) { }",
                           "void f(float a[((((((1))))))]) { }",
                           "void f(float a[99999999999999999999]) { }"})
    CHECK_NOTHROW(refused(text));
  CHECK_NOTHROW(refused("void f(float a[" + std::string(100000, '(') + "]) { }"));
}

TEST_CASE("bare serial: names that C++ keeps for itself") {
  ak::port::LoopSource source;
  source.file = "f.c", source.function = "f";
  source.text = "void f(int new, float this[new], float class) { for (int and = 0; and < new; and++) this[and] *= class; }";
  const ak::port::BareSerial bare = ak::port::bare_serial(source);
  CHECK(bare.function.parameters[0].name == "new");
  if (!ak::compiler_available()) return;
  CHECK(ak::port::compile_kernels(ak::port::kernel_text(bare.candidate), "sm_90a").failure == "");
}
