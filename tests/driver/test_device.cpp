// What is asked of a device, and what is made of odd answers.
#include <doctest/doctest.h>

#include <cmath>

#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "search/space.hpp"

using namespace ak;

TEST_CASE("a device that reports no clock or no bus is given usual ones: no cost is infinite, no tactic lost") {
  const Problem problem = parse_problem("64x4096x4096 relu");
  fake::reset();
  const std::size_t usual = make_space(problem, device_facts()).tactics.size();
  for (const auto which :
       {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH})
    for (const int value : {0, -1}) {
      fake::reset();
      fake::attribute(which, value);
      const Space space = make_space(problem, device_facts());
      CHECK(space.tactics.size() == usual);
      for (const RankedTactic& ranked : space.tactics) CHECK((std::isfinite(ranked.cost_us) && ranked.cost_us > 0));
    }
  fake::reset();
}

TEST_CASE("a GPU's UUID is asked for alone") {
  fake::reset();
  current_context();
  fake::forget();
  CHECK(device_uuid().starts_with("GPU-"));
  CHECK(fake::count("cuDeviceGetUuid") == 1);
  CHECK(fake::count("cuDeviceGetAttribute") == 0);
}
