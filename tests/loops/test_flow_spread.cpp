// Scans whose values another group of their loop takes: each stands alone, the values go through an array.
#include <doctest/doctest.h>

#include <fstream>
#include <stdexcept>

#include "base/temporary_folder.hpp"
#include "own_loops.hpp"
#include "port/candidates.hpp"
#include "port/templates/spread.hpp"

using namespace ak;

namespace {

const test::OwnLoop& own(const std::string& name) {
  for (const test::OwnLoop& one : test::own_loops())
    if (one.name == name) return one;
  throw std::runtime_error("no own loop " + name);
}

}  // namespace

TEST_CASE("flow: a scan's values that another group takes go through an array, and both are shared out") {
  const auto first = [](const char* name) {
    return port::port_candidates(test::verdict_of(own(name)), false)[0].template_name;
  };
  CHECK(first("present_value") == "scan+reduce");
  CHECK(first("worst_drawdown") == "scan+reduce");
  CHECK(first("filter_and_energy") == "scan+reduce");
  CHECK(first("relative_strength") == "scan+scan");

  const loop::Verdict spread = port::with_values_spread(test::verdict_of(own("present_value")));
  REQUIRE(spread.function.locals.size() == 3);
  CHECK(spread.function.locals[2].extents.size() == 1);
  CHECK(loop::evaluate(spread.function.locals[2].extents[0], {{"n", 7}}) == 7);
  // The value before the iteration changes it: the text takes it first.
  const loop::Node* nest = loop::find_node(
      spread.function, spread.groups[0].loops.empty() ? spread.groups[1].loops[0].loop : spread.groups[0].loops[0].loop);
  REQUIRE(nest);
  CHECK(nest->body[0].target.kind == loop::Term::Kind::element);
  CHECK(nest->body[0].value == loop::scalar("factor", loop::ScalarType::f64));
  // What one thread runs all the same takes scalars as they are.
  const TemporaryFolder folder("ak-spread");
  const std::string path = folder.path() + "/damped.c";
  std::ofstream(path) << R"(
void damped(int n, float q, const float x[n], float y[n]) {
  float f = 1;
  for (int i = 0; i < n; i++) { f *= q; y[i] = x[i]; }
  float g = 1, s = 0;
  for (int i = 0; i < n; i++) { g *= q; s = s * s + g * x[i]; y[i] += s * f; }
}
)";
  const loop::Verdict& damped = test::verdict_of({path, "damped", {}, {}});
  CHECK(port::with_values_spread(damped) == damped);
}
