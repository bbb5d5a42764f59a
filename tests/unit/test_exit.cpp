// While a process ends, its threads and ours may still call the library.
#include <doctest/doctest.h>

#include <cstdio>
#include <string>

TEST_CASE("nothing static of the library is destroyed when the process ends") {
  // What is registers so at run time: no object of the library may ask for that.
  const std::string list = "nm -A -u " AK_BINARY_DIR "/libak_internal.a 2>/dev/null";
  FILE* const pipe = popen(list.c_str(), "r");
  REQUIRE(pipe);
  int symbols = 0;
  char line[4096];
  while (std::fgets(line, sizeof line, pipe)) {
    ++symbols;
    if (std::string(line).find("__cxa_atexit") != std::string::npos) FAIL_CHECK(line);
  }
  CHECK(pclose(pipe) == 0);
  CHECK(symbols > 1000);
}
