#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

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
  const SharedLibrary missing("the frobnicator", {"libfrobnicate.so.7", "libfrobnicate.so"});
  CHECK(!missing.found());
  CHECK_THROWS_WITH_AS(missing.symbol("frob"), doctest::Contains("the frobnicator is not available: libfrobnicate.so.7: "),
                       Error);
  const SharedLibrary present("the C library", {"libc.so.6"});
  CHECK_THROWS_WITH_AS(present.symbol("frob_the_nic"), doctest::Contains("libc.so.6) has no function frob_the_nic"), Error);
}

TEST_CASE("the toolkit's stub of the driver is named, with its remedy") {
  const std::string text = describe(CUDA_ERROR_STUB_LIBRARY);
  CHECK(text.find("CUDA_ERROR_STUB_LIBRARY (34)") != text.npos);
  CHECK(text.find("LD_LIBRARY_PATH") != text.npos);
}

TEST_CASE("every driver function that is bound is used: one that a driver lacks keeps all from loading") {
  namespace fs = std::filesystem;
  const auto text_of = [](const fs::path& file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto words = [](const std::string& text, const char* pattern) {
    const std::regex each(pattern);
    return std::set<std::string>(std::sregex_token_iterator(text.begin(), text.end(), each, 1), {});
  };
  const fs::path root = AK_SOURCE_DIR, table = root / "src/gpu/driver.hpp";
  std::set<std::string> unused = words(text_of(table), R"(\bX\((cu[A-Za-z0-9]+)\))");
  CHECK(unused.size() > 30);
  for (const char* folder : {"src", "tests/gpu"})  // the tests of the kernels have a few of their own
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
      if (const auto type = entry.path().extension(); entry.path() != table && (type == ".cpp" || type == ".hpp"))
        for (const std::string& used : words(text_of(entry.path()), R"(\b(cu[A-Z][A-Za-z0-9]+)\()")) unused.erase(used);
  CHECK(unused == std::set<std::string>{});
}
