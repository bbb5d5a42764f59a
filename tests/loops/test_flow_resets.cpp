// Scalars that go from iteration to iteration and are set anew in a branch, and truths that are gathered: C has several spellings
// of each.
#include <doctest/doctest.h>

#include <fstream>

#include "base/temporary_folder.hpp"
#include "own_loops.hpp"
#include "port/port.hpp"

using namespace ak;

namespace {

constexpr const char* kText = R"(
void run_or_none(int n, const int a[n], int out[n]) {
  int run = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] > 0) run++; else run = 0;
    out[i] = run;
  }
}
void none_behind(int n, const int a[n], int before[n], int out[n]) {
  int run = 0;
  for (int i = 0; i < n; i++) {
    run++;
    before[i] = run;
    if (a[i] > 0) run = 0;
    out[i] = run;
  }
}
float anew_before(int n, const float a[n]) {
  float s = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] < 0) s = 0;
    s += a[i];
  }
  return s;
}
int longest(int n, const int a[n]) {
  int run = 0, best = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] > 0) run++; else run = 0;
    if (run > best) best = run;
  }
  return best;
}
int of_all(int n, const float x[n]) {
  int f = 1;
  for (int i = 0; i < n; i++) f = f && x[i] > 0;
  return f;
}
int of_any(int n, const int x[n]) {
  int f = 0;
  for (int i = 0; i < n; i++) f = x[i] || f;
  return f;
}
float least_with_a_reset(int n, const float a[n]) {
  float m = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] < m) m = a[i];
    if (a[i] > 1) m = 0;
  }
  return m;
}
int not_a_truth(int n, const float x[n], int f) {
  for (int i = 0; i < n; i++) f = f && x[i] > 0;
  return f;
}
int keeps_from_reading(int n, const int x[n], const int p[n]) {
  int f = 1;
  for (int i = 0; i < n; i++) f = f && x[p[i]] > 0;
  return f;
}
int in_two_steps(int n, const float x[n], const float y[n]) {
  int f = 1;
  for (int i = 0; i < n; i++) { f = f && x[i] > 0; f = f && y[i] > 0; }
  return f;
}
)";

}  // namespace

TEST_CASE("flow: a scalar that a branch sets anew is a scan, and truths gathered by && and || are a reduction") {
  const TemporaryFolder folder("ak-resets");
  const std::string path = folder.path() + "/resets.c";
  std::ofstream(path) << kText;
  const auto verdict = [&](const char* function) { return text(test::verdict_of({path, function, {}, {}})); };
  CHECK(verdict("run_or_none") == "i:scan(run:1)");
  CHECK(verdict("none_behind") == "i:scan(run:1)");
  CHECK(verdict("anew_before") == "i:scan(s:1)");
  CHECK(verdict("longest") == "i:scan(run:1); i:reduce(max best)");
  CHECK(verdict("of_all") == "i:reduce(&f)");
  CHECK(verdict("of_any") == "i:reduce(|f)");
  CHECK(verdict("least_with_a_reset") == "i:sequential(m)");
  // What is given need not be 0 or 1, and what C may leave unread stays so.
  CHECK(verdict("not_a_truth").starts_with("i:sequential(f"));
  CHECK(verdict("keeps_from_reading") == "i:sequential(f)");
  CHECK(verdict("in_two_steps") == "i:sequential(f)");
}

TEST_CASE("port: kernels of scalars that are set anew, and of gathered truths, are right") {
  for (const auto& [function, tactic] : {std::pair("none_behind", "scan"), std::pair("of_all", "reduce")}) {
    CAPTURE(function);
    port::PortRequest request;
    request.source.text = kText, request.source.function = function;
    request.tools = {AK_BINARY_DIR "/ak-analyse", {}, AK_BINARY_DIR "/ak-worker"};
    const Deadline deadline = Deadline::in(60);
    request.verdict = port::analyse(request.source, {}, request.tools, deadline);
    request.function = request.verdict.function;
    request.integers = {{"n", 1000}};
    request.quick = true;
    const port::Ported ported = port::port(request, nullptr, deadline);
    CHECK(ported.unpredicted.empty());
    REQUIRE_FALSE(ported.tried.empty());
    CHECK(ported.tried[0].candidate.template_name == tactic);
    CHECK_MESSAGE(ported.tried[0].passed(), ported.tried[0].why);
  }
}
