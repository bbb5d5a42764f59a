#include <doctest/doctest.h>

#include "base/library.hpp"
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

TEST_CASE("a library that is not there is named, and so is a function it lacks") {
  const SharedLibrary missing("the frobnicator (libfrobnicate.so)", {"libfrobnicate.so.7", "libfrobnicate.so"});
  CHECK(!missing.found());
  CHECK_THROWS_WITH_AS(missing.symbol("frob"), doctest::Contains("the frobnicator (libfrobnicate.so)"), Error);
  const SharedLibrary present("the C library", {"libc.so.6"});
  CHECK_THROWS_WITH_AS(present.symbol("frob_the_nic"), doctest::Contains("frob_the_nic"), Error);
}

TEST_CASE("the toolkit's stub of the driver is named, with its remedy") {
  const std::string text = describe(CUDA_ERROR_STUB_LIBRARY);
  CHECK(text.find("CUDA_ERROR_STUB_LIBRARY (34)") != text.npos);
  CHECK(text.find("LD_LIBRARY_PATH") != text.npos);
}
