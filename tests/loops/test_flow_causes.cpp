// What the analysis says of a loop that must run in order.
#include <doctest/doctest.h>

#include <fstream>

#include "base/temporary_folder.hpp"
#include "own_loops.hpp"
#include "port/c/one_thread.hpp"
#include "port/candidates.hpp"

using namespace ak;

TEST_CASE("flow: why a loop is sequential is said in the reader's own terms") {
  const TemporaryFolder folder("ak-causes");
  const std::string path = folder.path() + "/causes.c";
  std::ofstream(path) << R"(
void two_states(int n, float y[n], const float x[n], float b) {
  float z1 = 0, z2 = 0;
  for (int i = 0; i < n; i++) {
    float o = x[i] + z1;
    z1 = z2 - b * o * z1;
    z2 = x[i] - b * o;
    y[i] = o;
  }
}
void three_states(int n, float y[n], const float x[n], float b) {
  float z1 = 0, z2 = 0, z3 = 0;
  for (int i = 0; i < n; i++) {
    float o = x[i] + z1;
    z1 = z2 - b * o;
    z2 = z3 + b * o;
    z3 = x[i] - b * o;
    y[i] = o;
  }
}
int place_of_highest(int n, const float x[n]) {
  int at = 0;
  for (int i = 1; i < n; i++) if (x[i] > x[at]) at = i;
  return at;
}
void delayed(int n, float x[n], int delay) { for (int i = delay; i < n; i++) x[i] += 0.5f * x[i - delay]; }
void shortest_ways(int n, float d[n][n]) {
  for (int k = 0; k < n; k++) for (int i = 0; i < n; i++) for (int j = 0; j < n; j++)
    if (d[i][k] + d[k][j] < d[i][j]) d[i][j] = d[i][k] + d[k][j];
}
void least_else_most(int n, const float x[n], float lo[1], float hi[1]) {
  for (int i = 0; i < n; i++) if (x[i] < *lo) *lo = x[i]; else if (x[i] > *hi) *hi = x[i];
}
void in_place_of_one(int n, const float x[n], float s[1]) { for (int i = 0; i < n; i++) if (x[i] > 0) *s = *s * *s + x[i]; }
)";
  const auto cause = [&](const char* function) {
    std::string all;
    for (const loop::Group& group : test::verdict_of({path, function, {}, {}}).groups) all += group.cause;
    return all;
  };
  CHECK(cause("two_states") == "z1 and z2 depend on earlier values of each other, and not as an affine function");
  CHECK(cause("three_states") == "z1, z2 and z3 depend on earlier values of each other: more than 2 values");
  CHECK(
      cause("place_of_highest") ==
      "at is not an affine function of its earlier values: with x[at] kept in a scalar of its own it would be a search for an "
      "extreme");
  CHECK(cause("delayed") == "how far back x is read is no known constant: the value of delay may make it one (--size delay=...)");
  CHECK(cause("shortest_ways") == "how far back d is read is no known constant: it changes from iteration to iteration");
  CHECK(cause("least_else_most") ==
        "what else line 32 does depends on lo[0], which would be a reduction without the `else`: drop it where both may be "
        "tested");
  CHECK(cause("in_place_of_one") ==
        "all iterations read and write s[0]: in a local variable, which is written back behind the loop, it may be a scan or a "
        "reduction");
}

TEST_CASE("flow: what runs as one GPU thread, or a part of it, says why with line, names and kind of dependence") {
  const TemporaryFolder folder("ak-causes");
  const std::string path = folder.path() + "/alone.c";
  std::ofstream(path) << R"(
void filled_for_nobody(int n, float dx, float y[n], const float x[n]) {
  float t[4096];
  for (int i = 0; i < n; i++) t[i] = x[i] * dx;
  float s = 0;
  for (int i = 0; i < n; i++) { s = s * s + x[i]; y[i] = s; }
}
void filled_and_integrated(int n, float dx, float y[n], const float x[n], float w[n]) {
  for (int i = 0; i < n; i++) w[i] = x[i] * dx;
  float s = 0;
  for (int i = 0; i < n; i++) { s = s * s + x[i]; y[i] = s; }
}
void until_negative(int n, float a[n + 1]) {
  for (int i = 0; i < n; i++) {
    if (a[i] < 0) break;
    a[i] = a[i + 1] * 2;
  }
}
void binomial(int steps, float q, float v[steps + 1]) {
  for (int t = steps - 1; t >= 0; t--)
    for (int i = 0; i <= t; i++) v[i] = q * v[i] + (1 - q) * v[i + 1];
}
void squares_along_rows(int n, int m, float y[n][m]) {
  for (int i = 0; i < n; i++)
    for (int j = 1; j < m; j++) y[i][j] = y[i][j - 1] * y[i][j - 1] + 1;
}
)";
  const auto said = [&](const char* function, const char* tactic) {
    const loop::Verdict& verdict = test::verdict_of({path, function, {}, {}});
    std::vector<port::Tried> tried;
    for (loop::Candidate& one : port::port_candidates(verdict, false))
      tried.push_back({std::move(one), port::Status::passed, {}, 1, 1, {}, {}});
    CHECK(tried[0].candidate.template_name == tactic);
    return port::why_one_thread(verdict, tried, tried[0].candidate);
  };
  CHECK(said("filled_for_nobody", "sequential") ==
        "line 6: s is not an affine function of its earlier values (flow dependence: s of the iteration before)");
  CHECK(said("filled_and_integrated", "map+sequential") ==
        "i:sequential(s), line 11: s is not an affine function of its earlier values (flow dependence: s of the iteration "
        "before)");
  CHECK(
      said("until_negative", "serial") ==
      "no template runs i:exit anti(a:1): line 15 leaves the loop early, by a test of a, which line 16 writes; line 16 reads elements of a that line 16 overwrites 1 "
      "iteration later (anti dependence)");
  CHECK(said("binomial", "serial")
            .ends_with("; line 21 reads elements of v that line 21 overwrites 1 iteration later (anti dependence)"));
  CHECK(said("squares_along_rows", "map") == "");  // a thread for each row
}
