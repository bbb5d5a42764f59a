// The verdict of every own loop is the one in its first line.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "own_loops.hpp"

using namespace ak;

namespace {

// What the analysis does not reach yet; it is right, and less than could be said. A line here goes when its loop is reached.
const std::map<std::string, std::string> kNotYet = {
    {"pack_lower_triangle", "i:scatter(packed) j:scatter(packed) induction(k)"},  // its subscript is of degree two
};

}  // namespace

TEST_CASE("flow: the verdict of every own loop is the one in its first line") {
  for (const test::OwnLoop& own : test::own_loops()) {
    CAPTURE(own.name);
    const auto not_yet = kNotYet.find(own.name);
    CHECK(loop::text(test::verdict_of(own)) == (not_yet == kNotYet.end() ? own.expected : not_yet->second));
  }
  MESSAGE(test::own_loops().size(), " loops");
}
