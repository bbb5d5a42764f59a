// The C function's own times: in a process of its own, on its own data, within limits.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "ak/types.hpp"
#include "made.hpp"
#include "port/c/c_bench.hpp"

using namespace ak::port;
using ak::Deadline;
using ak::Error;

namespace {

Deadline soon() { return Deadline::in(60); }

// void halved(int n, float* b, const float* a), from text.
made::Function prototype() {
  made::Function function = made::halved();
  function.body.clear();
  return function;
}

Source text(const std::string& body, const std::string& before = "") {
  return {fmt::format(
              "#include <time.h>\n{}\nstatic void wait(double s) {{ struct timespec t, u; clock_gettime(CLOCK_MONOTONIC, &t);"
              " do clock_gettime(CLOCK_MONOTONIC, &u); while (u.tv_sec - t.tv_sec + 1e-9 * (u.tv_nsec - t.tv_nsec) < s); }}\n"
              "void halved(int n, float* b, const float* a) {{ {} }}\n",
              before, body),
          "filters.c"};
}

CompilerOptions plain() {
  CompilerOptions options;
  options.optimize = CBench::plain();
  return options;
}

Case zeros(const made::Function& function, int n) {
  Case made = laid_out(function, {{"n", n}});
  for (Memory& memory : made.memories)
    for (std::int64_t i = 0; i < memory.elements; ++i) memory.set_real(i, 0);
  return made;
}

Arm timed(const std::string& body, const BenchLimits& limits = {}, const std::string& before = "") {
  CBench bench(prototype(), text(body, before), plain(), soon());
  return bench.time(zeros(prototype(), 10), limits, soon());
}

std::string error_of(const std::string& body) {
  try {
    timed(body);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("c bench: the median of what a run takes") {
  const Arm arm = timed("wait(2e-3);");
  CHECK(arm.runs == 100);
  CHECK(!arm.timed_out);
  CHECK(arm.least_us >= 2000);
  CHECK(arm.us >= arm.least_us);
  CHECK(arm.us < 20000);
}

TEST_CASE("c bench: every run has the case's own data, and the warm-up is not counted") {
  // Ten runs of warm-up and one before them do not wait, all others do.
  const Arm arm = timed(
      "if (b[0] != 0 || b[9] != 0) __builtin_trap(); for (int i = 0; i < n; i++) b[i] = 1; if (calls++ >= 11) wait(1e-3);", {},
      "static int calls;");
  CHECK(arm.runs == 100);
  CHECK(arm.least_us >= 1000);
}

TEST_CASE("c bench: arrays lie in memory of the program's own, and what a run leaves of them is told") {
  // No memory that is shared takes this advice.
  const std::string own =
      "if (madvise((void*)(((unsigned long)b + 4095) / 4096 * 4096), 4096, 8 /* MADV_FREE */)) __builtin_trap();"
      " for (int i = 0; i < n; i++) b[i] = a[i] + 1;";
  CBench bench(prototype(), text(own, "int madvise(void*, unsigned long, int);"), plain(), soon());
  constexpr int kCount = 100000;
  Case given = zeros(prototype(), kCount);
  CHECK(bench.time(given, {}, soon()).runs == 100);
  for (const Argument& argument : given.arguments)
    if (argument.name == "a") given.memories[static_cast<std::size_t>(argument.memory)].set_real(kCount - 1, 4);
  const std::vector<Memory> left = bench.run(given, soon());
  for (const Argument& argument : given.arguments)
    if (argument.name == "b") CHECK(left[static_cast<std::size_t>(argument.memory)].real(kCount - 1) == 5);
  // Two arrays of one memory stay so.
  Case both = laid_out(prototype(), {{"n", kCount}}, {{"a", "b", -1}});
  REQUIRE(both.memories.size() == 1);
  for (std::int64_t i = 0; i < both.memories[0].elements; ++i) both.memories[0].set_real(i, 0);
  CHECK(bench.run(both, soon())[0].real(kCount) == kCount);
}

TEST_CASE("c bench: it ends by its seconds, after the least number of runs") {
  BenchLimits limits;
  limits.seconds = 0.1;
  Arm arm = timed("wait(2e-2);", limits);
  CHECK(arm.runs >= 3);
  CHECK(arm.runs <= 6);
  limits.seconds = 0.01;  // one run takes longer
  arm = timed("wait(2e-2);", limits);
  CHECK(arm.runs == 3);
  CHECK(arm.us >= 20000);
  CHECK(!arm.timed_out);
}

TEST_CASE("c bench: a run over its limit ends, and says how long it took at least") {
  BenchLimits limits;
  limits.run_seconds = 0.3;
  limits.seconds = 0.05;
  Arm arm = timed("for (;;) wait(1);", limits);
  CHECK(arm.timed_out);
  CHECK(arm.us == 0.3e6);
  CHECK(arm.runs == 0);
  // The second run is too long.
  CBench bench(prototype(), text("static int calls; wait(calls++ ? 10 : 0.1);"), plain(), soon());
  arm = bench.time(zeros(prototype(), 10), limits, soon());
  CHECK(arm.timed_out);
  CHECK(arm.us == 0.3e6);
  CHECK(arm.runs == 1);
  CHECK(bench.time(zeros(prototype(), 10), limits, soon()).runs == 1);  // the program is there again
}

TEST_CASE("c bench: what ends the program, or leaves no time, is said") {
  CHECK(error_of("*(volatile int*)0 = 1;").starts_with("the C function 'halved' ended by "));
  CHECK(error_of("missing();").starts_with("the C function 'halved' ended by "));
  CHECK(error_of("oh no").starts_with("the C compiler refuses the text: "));
  CBench bench(prototype(), text("for (;;) wait(1);"), plain(), soon());
  CHECK_THROWS_AS(bench.time(zeros(prototype(), 10), {}, Deadline::in(0.2)), Error);
}

TEST_CASE("c bench: the arm's flags reach the text's macros and its code") {
  const std::string body =
      "\n#ifdef __FAST_MATH__\nwait(1e-3);\n#endif\n#ifndef __OPTIMIZE__\n__builtin_trap();\n#endif\nb[0] = (1e30f + a[0] - "
      "1e30f) * 2;";
  CompilerOptions fast = plain();
  fast.optimize = CBench::fast_math();
  CBench slow(prototype(), text(body), fast, soon()), quick(prototype(), text(body), plain(), soon());
  CHECK(slow.time(zeros(prototype(), 10), {}, soon()).least_us >= 1000);
  CHECK(quick.time(zeros(prototype(), 10), {}, soon()).least_us < 1000);
}

TEST_CASE("c bench: a normal form, a result, and arrays of file scope, which are not timed when they are filled") {
  CBench normal(made::halved(), std::nullopt, plain(), soon());
  const Arm arm = normal.time(zeros(made::halved(), 100000), {}, soon());
  CHECK(arm.runs == 100);
  CHECK(arm.us > 1);
  CHECK(arm.us < 5000);

  made::Function function;
  function.name = "first", function.returns = made::ScalarType::f32;
  function.parameters = {made::size("n"), made::array("table", made::integer(4000000))};
  function.parameters[1].implicit = true;
  const Source source{
      "static float table[4000000];\nfloat first(int n) { if (table[7] != 3) __builtin_trap(); table[7] = 4; return table[n]; "
      "}",
      ""};
  CBench bench(function, source, plain(), soon());
  Case given = zeros(function, 5);
  for (Memory& memory : given.memories)
    if (memory.elements == 4000000) memory.set_real(7, 3);
  const Arm quick = bench.time(given, {.seconds = 0.2}, soon());
  CHECK(quick.runs >= 3);
  CHECK(quick.us < 500);  // 16 MB are not filled in that
}

TEST_CASE("c bench: who made the figures") {
  CHECK(!compiler_version({}, soon()).empty());
  CHECK(compiler_version({}, soon()).find('\n') == std::string::npos);
  CompilerOptions absent;
  absent.compiler = "no-such-compiler";
  CHECK_THROWS_AS(compiler_version(absent, soon()), Error);
}
