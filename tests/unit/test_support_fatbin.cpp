// The support kernels as they are embedded: which GPUs find code in them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

#include "base/embedded.hpp"

using namespace ak;

namespace {

template <class T>
T read(std::string_view bytes, std::size_t at) {
  REQUIRE(at + sizeof(T) <= bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Of each entry its kind and architecture, which its header says whether it is compressed or not: "sm_90", "compute_80".
std::multiset<std::string> entries_of(std::string_view fatbin) {
  constexpr std::uint32_t kMagic = 0xba55ed50;
  constexpr std::uint16_t kPtx = 1, kCubin = 2;
  REQUIRE(read<std::uint32_t>(fatbin, 0) == kMagic);
  std::multiset<std::string> found;
  const std::size_t begin = read<std::uint16_t>(fatbin, 6), end = begin + read<std::uint64_t>(fatbin, 8);
  CHECK(end == fatbin.size());
  for (std::size_t at = begin; at < end;) {
    const auto kind = read<std::uint16_t>(fatbin, at);
    CHECK((kind == kPtx || kind == kCubin));
    found.insert(fmt::format("{}_{}", kind == kPtx ? "compute" : "sm", read<std::uint32_t>(fatbin, at + 28)));
    const auto bytes = read<std::uint64_t>(fatbin, at + 8);
    REQUIRE(bytes > 0);
    at += read<std::uint32_t>(fatbin, at + 4) + bytes;
  }
  return found;
}

}  // namespace

TEST_CASE("the support kernels have a cubin for every major architecture, and PTX of the oldest for all to come") {
  CHECK(entries_of(support_fatbin()) ==
        std::multiset<std::string>{"compute_80", "sm_80", "sm_90", "sm_100", "sm_110", "sm_120"});
}
