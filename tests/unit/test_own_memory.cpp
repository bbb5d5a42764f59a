// Which addresses are known to be the process's own.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <thread>
#include <vector>

#include "base/own_memory.hpp"
#include "base/sanitized.hpp"

using ak::in_own_memory;

namespace {

float zeroed[1000];
float written[1000] = {1};
const float fixed[3] = {1, 2, 3};

}  // namespace

TEST_CASE("own memory: the heap, what is static and the stacks are; what is mapped is not, nor nothing") {
  CHECK(in_own_memory(zeroed));
  CHECK(in_own_memory(zeroed + 999));
  CHECK(in_own_memory(written));
  CHECK(in_own_memory(fixed));
  CHECK(in_own_memory(stdout));  // the C library's
  float here[10] = {};
  CHECK(in_own_memory(here));
  const std::vector<float> small(100);
  if (!ak::kSanitized) CHECK(in_own_memory(small.data()));
  CHECK_FALSE(in_own_memory(nullptr));
  CHECK_FALSE(in_own_memory(reinterpret_cast<void*>(~std::uintptr_t{0})));

  constexpr std::size_t kBytes = 1 << 16;
  void* const mapped = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(mapped != MAP_FAILED);
  CHECK_FALSE(in_own_memory(mapped));
  munmap(mapped, kBytes);
}

TEST_CASE("own memory: what the heap gives back is not, nor what lies behind it") {
  constexpr std::size_t kBytes = 1 << 16;
  char* const begin = static_cast<char*>(sbrk(kBytes));
  REQUIRE(begin != reinterpret_cast<void*>(-1));
  const bool grown = in_own_memory(begin) && in_own_memory(begin + kBytes - 1), behind = in_own_memory(begin + kBytes);
  REQUIRE(sbrk(0) == begin + kBytes);  // nobody else's has come behind it
  sbrk(-static_cast<std::intptr_t>(kBytes));
  const bool given_back = in_own_memory(begin);
  CHECK(grown);
  CHECK_FALSE(behind);
  CHECK_FALSE(given_back);
}

TEST_CASE("own memory: a thread knows its own stack and the main thread's, and no other") {
  float of_main[10] = {};
  const float* of_other = nullptr;
  bool own = false, main = false;
  std::thread([&] {
    float here[10] = {};
    own = in_own_memory(here), main = in_own_memory(of_main);
    std::thread([&, at = here] { of_other = in_own_memory(at) ? at : nullptr; }).join();
  }).join();
  CHECK(own);
  CHECK(main);
  CHECK_FALSE(of_other);
}

TEST_CASE("own memory: a library's is while it is loaded") {
  void* const library = dlopen("libBrokenLocale.so.1", RTLD_NOW | RTLD_LOCAL);  // the C library brings it, and nobody uses it
  REQUIRE(library);
  const void* const inside = dlsym(library, "__ctype_get_mb_cur_max");
  REQUIRE(inside);
  CHECK(in_own_memory(inside));
  dlclose(library);
  CHECK_FALSE(in_own_memory(inside));
}
