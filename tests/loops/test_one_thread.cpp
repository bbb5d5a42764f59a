// The words for what is proven and runs as one GPU thread.
#include <doctest/doctest.h>

#include "port/c/one_thread.hpp"

using namespace ak;
using namespace ak::port;

namespace {

Tried tried(const std::string& name, Status status, const std::string& why = {}) {
  Tried made{};
  made.candidate.template_name = name, made.status = status, made.why = why;
  return made;
}

}  // namespace

TEST_CASE("one thread: the parallel kernels that failed, the verdict, or the clock is why") {
  loop::Verdict verdict;
  const Tried serial = tried("serial", Status::passed);
  const auto why = [&](std::vector<Tried> all) { return why_one_thread(verdict, all, serial.candidate); };
  CHECK(why({serial}) == "it has no loop");
  loop::Group group;
  group.loops = {{1, "i", loop::Role::scan}};
  group.recurrences.push_back({});
  group.recurrences[0].target = "y", group.recurrences[0].distances = {1, 2};
  verdict.groups = {group};
  CHECK(why({serial}) == "no template runs i:scan(y:1,2): a statement takes y of 1 and 2 iterations before (flow dependence)");
  verdict.groups[0].cause = "y is no affine function of its earlier values";
  CHECK(why({serial}) == "y is no affine function of its earlier values (flow dependence: y of 1 and 2 iterations before)");
  CHECK(why({tried("reduce", Status::compile, "no"), serial}) == "reduce failed: compile: no");
  CHECK(why({tried("reduce", Status::race), tried("map", Status::passed), serial}) == "it was the fastest");
  const Tried map = tried("map", Status::passed);
  CHECK(why_one_thread(verdict, {map, serial}, map.candidate).empty());
}
