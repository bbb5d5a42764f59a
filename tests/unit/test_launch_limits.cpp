// The grid of every kernel, and the 32-bit sums that kernels make of a tactic, at the edge of the sizes that the API takes.
#include <doctest/doctest.h>

#include <limits>

#include "families/family.hpp"
#include "plan/pass.hpp"
#include "proof/grids.hpp"

using namespace ak;

namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();  // of m, n and k: check_whole, canonicalize

Problem problem(std::int64_t m, std::int64_t n, std::int64_t k) {
  Problem p;
  p.m = m, p.n = n, p.k = k;
  return p;
}

const std::array<std::int64_t, 3> kExtremes[] = {{8388609, 64, 64},
                                                 {kMost, 1, 1},
                                                 {kMost, 64, 64},
                                                 {1, kMost, 64},
                                                 {8, kMost, 64},
                                                 {64, kMost, 64},
                                                 {64, 64, kMost},
                                                 {1, 1, kMost},
                                                 {kMost - 1024, 64, 64},
                                                 {kMost - 4096, 64, 64},
                                                 {64, kMost - 4096, 64},
                                                 {8, kMost - 65536, 64},
                                                 {kMost - 65536, kMost - 65536, kMost - 65536}};

std::string refusal(FamilyId id, const Problem& p) { return family(id).refuses(p, {}).value_or(""); }
std::string rejection(const Problem& p, const std::string& text) {
  const Tactic t = parse_tactic(text);
  return family(t.family).rejects(p, t, {}).value_or("");
}

}  // namespace

TEST_CASE("a grid beyond the device's limits is not made") {
  CHECK(make_grid(2147483647, 65535, 65535) == std::array<std::uint32_t, 3>{2147483647, 65535, 65535});
  CHECK_THROWS_AS(make_grid(2147483648), Error);
  CHECK_THROWS_AS(make_grid(1, 65536), Error);
  CHECK_THROWS_AS(make_grid(1, 1, 65536), Error);
  CHECK_THROWS_AS(make_grid(0), Error);
}

TEST_CASE("every tactic that is enumerated for an extreme problem has a grid") {
  int grids = 0;
  for (const auto& [m, n, k] : kExtremes)
    for (const Major major : {Major::k, Major::mn})
      for (const std::uint8_t align : {16, 8, 2})
        for (const bool gated : {false, true}) {
          Problem p = problem(m, n, k);
          p.a_major = p.b_major = major, p.align_a = p.align_b = p.align_d = align, p.epilogue.gated = gated;
          if (p.wide_n() > kMost) continue;
          CAPTURE(to_string(p));
          for (const Family* own : families()) {
            std::vector<Tactic> tactics;
            own->enumerate(p, {}, tactics);
            for (const Tactic& t : tactics) {
              const Geometry g = own->geometry(p, t, {});  // throws
              ++grids;
              REQUIRE(g.workspace_bytes >= 0);
              REQUIRE(own->cost_us(p, t, {}) > 0);
            }
          }
        }
  CHECK(grids > 10000);
}

TEST_CASE("the support kernels' grids are taken by a device, whatever they look at") {
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{8388609}, kMost, kMost * kMost / 4})
    for (const std::int64_t columns : {std::int64_t{1}, std::int64_t{16385}, kMost}) {
      grid_over(rows);  // each throws where it cannot
      grid_over(rows, columns);
      if (rows > kMost) continue;
      grid_of_reference(rows, columns);
      for (const PassAccess access : {kPassElements, kPassAligned, kPassShifted})
        for (const DType dtype : {DType::bf16, DType::f32}) {
          PassArgs args{};
          args.rows = rows, args.columns = columns, args.access = access;
          pass_shape(args, dtype, 132);
        }
    }
  // It loops over what does not fit: 65535 rows of tiles at a time.
  CHECK(grid_of_reference(8388609, 64) == ProbeGrid{1, 65535, 1});
  CHECK(grid_of_reference(8388480, 129) == ProbeGrid{2, 65535, 1});
  CHECK(grid_of_reference(129, 64) == ProbeGrid{1, 2, 1});
}

TEST_CASE("extents whose last tile leaves 32 bits are refused with the reason") {
  // 192-row tiles begin at multiples of 192: the last row of one that holds row 2^31 - 2 has no number in int.
  for (const FamilyId id : {FamilyId::sm80, FamilyId::sm90}) {
    for (const auto& [m, n, k] : {std::array{kMost, std::int64_t{64}, std::int64_t{64}},
                                  {std::int64_t{64}, kMost, std::int64_t{64}},
                                  {std::int64_t{64}, std::int64_t{64}, kMost}})
      CHECK(refusal(id, problem(m, n, k)).find("2^31") != std::string::npos);
    CHECK(refusal(id, problem(kMost - 4096, 64, 64)).empty());
  }
  Problem gated = problem(64, kMost / 2, 64);
  gated.epilogue.gated = true;
  CHECK(refusal(FamilyId::sm90, gated).find("2^31") != std::string::npos);
  CHECK(refusal(FamilyId::skinny, problem(8, kMost - 65535, 64)).find("2^31") != std::string::npos);
  CHECK(refusal(FamilyId::skinny, problem(8, kMost - 65536, 64)).empty());
}

TEST_CASE("a raster group of more tiles than 32 bits count is rejected with the reason") {
  const char *sm80 = "sm80 tile_m=16 tile_n=32 tile_k=64 stages=3 warps_m=1 warps_n=2 raster=",
             *sm90 = "sm90 schedule=cooperative tile_m=64 tile_n=16 tile_k=64 stages=4 raster=";
  const auto rejects = [](const Problem& p, const char* tactic, int raster) {
    return rejection(p, tactic + std::to_string(raster));
  };
  CHECK(rejects(problem(16, 1100000000, 64), sm80, 64).find("raster=64") != std::string::npos);
  CHECK(rejects(problem(16, 1070000000, 64), sm80, 64).empty());
  CHECK(rejects(problem(16, 1100000000, 64), sm80, 8).empty());
  CHECK(rejects(problem(64, 1100000000, 64), sm90, 64).find("raster=64") != std::string::npos);
  CHECK(rejects(problem(64, 1070000000, 64), sm90, 64).empty());
  CHECK(rejects(problem(64, 1100000000, 64), sm90, 8).empty());
}
