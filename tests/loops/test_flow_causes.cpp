// What the analysis says of a loop that must run in order.
#include <doctest/doctest.h>

#include <fstream>

#include "base/temporary_folder.hpp"
#include "own_loops.hpp"

using namespace ak;

TEST_CASE("flow: why a loop is sequential is said in the reader's own terms") {
  const TemporaryFolder folder("ak-causes");
  const std::string path = folder.path() + "/causes.c";
  std::ofstream(path) << R"(
void two_states(int n, float y[n], const float x[n], float b) {
  float z1 = 0, z2 = 0;
  for (int i = 0; i < n; i++) {
    float o = x[i] + z1;
    z1 = z2 - b * o;
    z2 = x[i] - b * o;
    y[i] = o;
  }
}
int place_of_highest(int n, const float x[n]) {
  int at = 0;
  for (int i = 1; i < n; i++) if (x[i] > x[at]) at = i;
  return at;
}
void delayed(int n, float x[n], int delay) { for (int i = delay; i < n; i++) x[i] += 0.5f * x[i - delay]; }
)";
  const auto cause = [&](const char* function) {
    std::string all;
    for (const loop::Group& group : test::verdict_of({path, function, {}, {}}).groups) all += group.cause;
    return all;
  };
  CHECK(cause("two_states") == "z1 and z2 depend on earlier values of each other");
  CHECK(
      cause("place_of_highest") ==
      "at is not an affine function of its earlier values: with x[at] kept in a scalar of its own it would be a search for an "
      "extreme");
  CHECK(cause("delayed") == "how far back x is read is no known constant: a size that is given (--size) may make it one");
}
