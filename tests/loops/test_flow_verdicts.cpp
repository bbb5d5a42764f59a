// The verdict of every own loop is the one in its first line.
#include <doctest/doctest.h>

#include "own_loops.hpp"

using namespace ak;

TEST_CASE("flow: the verdict of every own loop is the one in its first line") {
  for (const test::OwnLoop& own : test::own_loops()) {
    CAPTURE(own.name);
    CHECK(loop::text(test::verdict_of(own)) == own.expected);
  }
  MESSAGE(test::own_loops().size(), " loops");
}
