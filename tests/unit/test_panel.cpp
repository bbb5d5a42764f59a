// How much of a problem is proven and timed.
#include <doctest/doctest.h>

#include "proof/panel.hpp"
#include "proof/verify.hpp"

using namespace ak;

namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

Problem panel(const char* problem, std::int64_t bytes = 70 * kGiB) { return search_panel(parse_problem(problem), bytes); }

}  // namespace

TEST_CASE("a problem that a search gets through is its own panel") {
  for (const char* text : {"1x1x1", "1024x1024x1024 relu", "4096x4096x4096 silu bias=column", "8192x8192x8192 relu",
                           "8192x4096x8192 silu gated", "1000000x64x64 relu"})
    CHECK(panel(text) == parse_problem(text));
}

TEST_CASE("a huge problem gives up rows and nothing else") {
  for (const char* text :
       {"32768x151936x4096 relu", "16384x16384x16384 f16 a=m b=n silu c bias=row", "32769x16384x8192 silu gated aux scale=both",
        "100000x100000x100000", "2147483647x2147483647x2147483647"}) {
    CAPTURE(text);
    const Problem whole = parse_problem(text), rows = panel(text);
    CHECK(rows.m < whole.m);
    CHECK(rows.m >= 1024);
    CHECK(rows.m % 256 == 0);
    Problem again = rows;
    again.m = whole.m;
    CHECK(again == whole);
    CHECK(search_panel(rows, 70 * kGiB) == rows);
  }
  CHECK(panel("32768x151936x4096 relu").m == 1024);  // of very wide ones the least
  CHECK(panel("16384x16384x16384").m == 2048);
  CHECK(panel("16384x16384x8192 gated").m == panel("16384x16384x16384").m);  // two products
}

TEST_CASE("the panel shrinks with the memory that is free, down to its least") {
  const char* const text = "65536x4096x1024 relu";
  CHECK(panel(text) == parse_problem(text));
  std::int64_t before = 65536;
  for (const std::int64_t bytes : {4 * kGiB, 2 * kGiB, kGiB, kGiB / 2}) {
    const Problem rows = panel(text, bytes);
    CAPTURE(rows.m);
    CHECK(rows.m < before);
    CHECK(rows.m % 256 == 0);
    CHECK(least_search_bytes(rows) < bytes);
    before = rows.m;
  }
  CHECK(panel(text, 0).m == 1024);
  CHECK(panel(text, kGiB / 32).m == 1024);
}

TEST_CASE("no rows are taken from a problem of few, whatever it takes") {
  for (const char* text : {"64x5000000x8192 relu", "1024x1000000x16384", "1x1x2000000000"})
    for (const std::int64_t bytes : {std::int64_t{0}, kGiB, 70 * kGiB}) CHECK(panel(text, bytes) == parse_problem(text));
  CHECK(panel("1025x1000000x16384").m == 1024);
}
