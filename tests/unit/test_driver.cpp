#include <doctest/doctest.h>

#include "gpu/device.hpp"
#include "gpu/driver.hpp"

using namespace ak;

TEST_CASE("without a GPU every entry names what is missing; with one it is described") {
  std::string why;
  if (gpu_available(&why)) {
    CHECK(why.empty());
    const DeviceFacts facts = device_facts();
    CHECK(!facts.name.empty());
    CHECK(facts.sm_count > 0);
    CHECK(!driver_version().empty());
  } else {
    CHECK(!why.empty());
    CHECK_THROWS_WITH_AS(current_context(), why.c_str(), Error);  // the second try gives the same reason
  }
}
