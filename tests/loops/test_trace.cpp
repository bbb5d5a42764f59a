// What depends on what while the own loops' C texts run, seen by an instrumentation that shares nothing with the analysis.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "corpus.hpp"
#include "port/analysis.hpp"
#include "port/c/c_marks.hpp"
#include "port/c/trace.hpp"
#include "port/c/trace_check.hpp"
#include "port/port.hpp"

using namespace ak;
using loop::Dependence;

namespace {

Deadline in_time() { return Deadline::in(60); }

std::vector<port::TracedDependence> traced(const test::OwnLoop& own) {
  const std::string text = port::read_source({own.path, {}, {}, {}, {}, {}, {}});
  const test::Data data(own, port::Level::quick);
  port::Tracer tracer(data.plan.function, port::preprocessed({text, own.path}, {}, in_time()), {});
  std::vector<port::TracedDependence> all;
  for (const port::Case& given : port::cases_to_trace(data.plan, test::verdict_of(own))) {
    const port::Tracer::Trace trace = tracer.run(given, in_time());
    CHECK(trace.whole);
    all.insert(all.end(), trace.dependences.begin(), trace.dependences.end());
  }
  return all;
}

}  // namespace

TEST_CASE("trace: every dependence that happens in an own loop was predicted") {
  std::vector<const test::OwnLoop*> loops;
  for (const test::OwnLoop& own : test::own_loops()) loops.push_back(&own);
  if (!test::takes_all()) {
    std::vector<const test::OwnLoop*> some;
    for (std::size_t i = 0; i < loops.size(); i += 8) some.push_back(loops[i]);
    loops = some;
  }
  std::mutex mutex;
  std::size_t count = 0, dependences = 0;
  std::vector<std::string> failures;
  test::in_threads(loops.size(), [&](std::size_t i) {
    const loop::Verdict& verdict = test::verdict_of(*loops[i]);
    if (!verdict.refused.empty()) return;
    std::string fault;
    std::size_t seen = 0;
    try {
      const auto trace = traced(*loops[i]);
      seen = trace.size();
      fault = port::check(verdict, trace).unpredicted;
    } catch (const Error& error) {
      fault = error.what();
    }
    const std::lock_guard lock(mutex);
    ++count, dependences += seen;
    if (!fault.empty()) failures.push_back(fmt::format("{}: {}", loops[i]->name, fault));
  });
  for (const std::string& failure : failures) FAIL_CHECK(failure);
  MESSAGE(count, " loops, ", dependences, " dependences");
  CHECK(dependences > count);
}

TEST_CASE("trace: a dependence that the analysis leaves out is caught") {
  std::size_t removed = 0, caught = 0;
  for (const test::OwnLoop& own : test::own_loops()) {
    if (own.name != "matrix_product" && own.name != "sum_along_rows" && own.name != "softmax" && own.name != "equalise_image")
      continue;
    CAPTURE(own.name);
    const auto trace = traced(own);
    const loop::Verdict& whole = test::verdict_of(own);
    CHECK(port::check(whole, trace).unpredicted.empty());
    for (std::size_t i = 0; i < whole.dependences.size(); ++i) {
      const Dependence& one = whole.dependences[i];
      const loop::Parameter* array = loop::find_parameter(whole.function, one.name);
      // What a statement reads it writes at once: no later write is the next one.
      if (!array || !array->pointer || !one.exact || (one.kind == Dependence::Kind::anti && one.from == one.to)) continue;
      loop::Verdict without = whole;
      without.dependences.erase(without.dependences.begin() + static_cast<std::ptrdiff_t>(i));
      ++removed, caught += !port::check(without, trace).unpredicted.empty();
    }
  }
  MESSAGE(caught, " of ", removed, " removed dependences are caught");
  CHECK(removed >= 10);
  CHECK(caught * 10 >= removed * 8);
}

namespace {

constexpr const char* kText = R"(
void running(int n, float a[n], const float b[n]) {
  for (int i = 1; i < n; i++)
    a[i] = a[i - 1] + b[i];
}
)";

port::PortRequest request_of(const std::string& function, const std::string& text) {
  port::PortRequest request;
  request.source.text = text, request.source.function = function;
  request.tools = {AK_BINARY_DIR "/ak-analyse", {}, AK_BINARY_DIR "/ak-worker"};
  request.verdict = port::analyse(request.source, {}, request.tools, in_time());
  request.function = request.verdict.function;
  request.integers = {{"n", 1000}};
  request.quick = true;
  return request;
}

}  // namespace

TEST_CASE("trace: a loop with a dependence that the analysis left out has no parallel kernel") {
  port::PortRequest request = request_of("running", kText);
  REQUIRE(text(request.verdict) == "i:scan(a:1)");
  const port::Ported right = port::port(request, nullptr, in_time());
  CHECK(right.unpredicted.empty());
  CHECK(right.observed.empty());
  CHECK(right.tried.size() > 1);

  std::erase_if(request.verdict.dependences, [](const Dependence& one) { return one.kind == Dependence::Kind::flow; });
  const port::Ported wrong = port::port(request, nullptr, in_time());
  CHECK(wrong.unpredicted ==
        "serial alone: a run of the C function shows what the analysis did not predict: flow of a from line 4 to line 4, "
        "carried by the loop of line 3 at distance 1");
  REQUIRE(wrong.tried.size() == 1);
  CHECK(wrong.tried[0].candidate.template_name == "serial");
  CHECK(wrong.tried[0].passed());
}

TEST_CASE("trace: what a dropped call reads, and what its arguments do, is no dependence of the loop") {
  port::PortRequest request;
  request.source.text = R"(
#include <stdio.h>
void note(int i, const float* at) { if (i < 0) printf("%f", *at); }
void twice(int n, float a[n]) {
  for (int i = 0; i < n; i++) {
    a[i] *= 2;
    note(a[i] < i ? 0 : i, a + i);
    if (i > 0) (void)snprintf(NULL, 0, "%f %f\n", a[i], a[i - 1]);
  }
}
)";
  request.source.function = "twice", request.source.drops = {"snprintf", "note"};
  request.tools = {AK_BINARY_DIR "/ak-analyse", {}, AK_BINARY_DIR "/ak-worker"};
  request.verdict = port::analyse(request.source, {}, request.tools, in_time());
  request.function = request.verdict.function;
  request.integers = {{"n", 1000}};
  request.quick = true;
  REQUIRE(text(request.verdict) == "i:parallel");
  const port::Ported ported = port::port(request, nullptr, in_time());
  CHECK(ported.unpredicted.empty());
  REQUIRE_FALSE(ported.tried.empty());
  CHECK(ported.tried[0].candidate.template_name == "map");
  CHECK(ported.tried[0].passed());
}

TEST_CASE("trace: what the analysis cannot decide is observed, not proven") {
  const port::PortRequest request = request_of("fold", R"(
void fold(int n, float a[n], const float b[n], const int k[n]) {
  for (int i = 0; i < n; i++)
    a[k[i]] = 0.5f * a[i] + b[i];
}
)");
  const loop::Verdict verdict = port::observed(request, in_time());
  REQUIRE_FALSE(verdict.observed.empty());
  for (const loop::Observed& one : verdict.observed) {
    CHECK(one.name == "a");
    CHECK(one.from == 4);
    CHECK(one.to == 4);
    CHECK(one.loop == 3);
    CHECK_FALSE(one.distances.empty());
  }
  CHECK(loop::explain(verdict).find("observed, not proven: flow of a from line 4 to line 4, carried by the loop of line 3") !=
        std::string::npos);
  CHECK(loop::read_verdict(loop::write_json(verdict)) == verdict);
}

TEST_CASE("trace: marks stand in every statement and leave what the text does") {
  const char* const text = R"(
int seven(void) { return 7; }
struct __attribute__((packed)) pair { int a, b; };
static int table[] = {1, 2, 3};
void all(int n, int a[n], const int b[n], int c[n]) {
  int i = 0, j;
#pragma GCC unroll 4
  for (i = 0; i < n; i++) if (b[i] > 0) a[i] = 1; else if (b[i] < -1) a[i] = 2; else
    a[i] = seven();
  while (i --> 0) {
    switch (b[i]) { case 0: c[i] = 1; case 1 ? 1 : 2: c[i] += 2; break; default: c[i] = table[1]; }
    do a[i] += c[i], c[i]++; while (c[i] < 3);
  }
  for (j = 0; ; ) { if (j++ == n) goto done; else continue; }
done: ;
  struct pair both = {1, 2};
  for (i = 0; i < n; ++i) c[i] += both.a + both.b;
}
)";
  const port::Marked marked = port::marked(text);
  const auto covered = [&](int line) {
    return std::ranges::any_of(marked.marks, [line](const port::Mark& mark) { return mark.line == line; });
  };
  for (const int line : {2, 6, 8, 9, 10, 11, 12, 14, 16, 17}) CHECK_MESSAGE(covered(line), line);
  for (const int line : {3, 4}) CHECK_FALSE_MESSAGE(covered(line), line);

  const std::string entry = "void ak_entry_0(void** args) { all(*(int*)args[0], args[1], args[2], args[3]); }\n";
  port::CProgram plain(std::string(text) + entry, 1, {});
  port::CProgram with(marked.text + entry + R"(
void ak_at(int m) {} void ak_turn(int m) {} void ak_leave(int* d) {} void ak_return(int* d) {}
int ak_enter(int m) { return 0; } int ak_call(void) { return 0; }
)",
                      1, {});
  std::vector<std::int32_t> results[2];
  for (port::CProgram* program : {&plain, &with}) {
    program->await(in_time());
    std::int32_t n = 9;
    std::vector<std::int32_t> a(9), b{3, -2, 0, 1, 2, -1, 0, 1, 5}, c(9);
    program->call(0, {{&n, 4, 0}, {a.data(), 36, 0}, {b.data(), 36, 0}, {c.data(), 36, 0}}, in_time());
    auto& all = results[program == &with];
    all = a, all.insert(all.end(), c.begin(), c.end());
  }
  CHECK(results[0] == results[1]);
}
