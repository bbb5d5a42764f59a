// What the host knows of the skinny family, without a GPU.
#include <doctest/doctest.h>

#include <algorithm>
#include <tuple>

#include "families/family.hpp"
#include "kernels/args.cuh"

using namespace ak;

namespace {

const Family& skinny() { return family(FamilyId::skinny); }

Problem problem(std::int64_t m, std::int64_t n, std::int64_t k) {
  Problem p;
  p.m = m, p.n = n, p.k = k;
  return p;
}

std::vector<Tactic> space(const Problem& p) {
  std::vector<Tactic> all, kept;
  skinny().enumerate(p, {}, all);
  for (const Tactic& t : all)
    if (!skinny().rejects(p, t, {})) kept.push_back(t);
  return kept;
}

std::string reason(const Problem& p, const std::string& tactic) {
  return skinny().rejects(p, parse_tactic(tactic), {}).value_or("");
}

}  // namespace

TEST_CASE("skinny has tactics for every alignment and layout up to 8 rows, none beyond") {
  for (const std::int64_t m : {1, 2, 3, 5, 8})
    for (const std::uint8_t align_a : {2, 16})
      for (const std::uint8_t align_b : {2, 4, 8, 16})
        for (const Major a : {Major::k, Major::mn})
          for (const Major b : {Major::k, Major::mn})
            for (const auto& [n, k] : {std::pair{1, 1}, {4096, 4095}, {50257, 768}, {2112, 7168}, {7, 100000}, {10, 0}}) {
              Problem p = problem(m, n, k);
              p.align_a = align_a, p.align_b = align_b, p.a_major = a, p.b_major = b, p.align_d = 2;
              CAPTURE(to_string(p));
              const auto tactics = space(p);
              CHECK(!tactics.empty());
              for (const Tactic& t : tactics) {
                CHECK(t.tile_m >= m);
                CHECK(skinny().cost_us(p, t, {}) > 1);
                CHECK(skinny().cost_us(p, t, {}) < 1e5);
              }
            }
  CHECK(space(problem(9, 4096, 4096)).empty());
  CHECK(skinny().refuses(problem(9, 4096, 4096), {})->find("m=9") != std::string::npos);
}

TEST_CASE("skinny offers tens of tactics for a decode step") {
  CHECK(space(problem(1, 4096, 4096)).size() >= 40);
  CHECK(space(problem(8, 14336, 4096)).size() >= 20);
}

TEST_CASE("skinny rejects with the physical reason") {
  const Problem p = problem(3, 4096, 4096);
  CHECK(reason(p, "skinny tile_m=4 tile_n=16 warps_n=8 unroll=2") == "");
  Problem across = p;
  across.b_major = Major::mn;
  CHECK(reason(across, "skinny tile_m=4 tile_n=64 warps_m=4 unroll=2") == "");
  const std::tuple<Problem, const char*, const char*> cases[] = {
      {p, "sm80 tile_m=4", "skinny"},
      {p, "skinny tile_m=3 tile_n=16 warps_n=8", "tile_m"},
      {p, "skinny tile_m=2 tile_n=16 warps_n=8", "hold all m=3"},
      {p, "skinny tile_m=4 tile_n=12 warps_n=8", "rows of B"},
      {p, "skinny tile_m=4 tile_n=64 warps_n=8", "rows of B"},
      {p, "skinny tile_m=4 tile_n=16 warps_n=8 unroll=5", "unroll"},
      {p, "skinny tile_m=4 tile_n=16 warps_n=16 warps_m=2", "512 threads"},
      {p, "skinny tile_m=4 tile_n=16 warps_n=8 tile_k=64", "skinny has no knob tile_k"},
      {p, "skinny tile_m=4 tile_n=16 warps_n=8 load=1", "skinny has no knob load"},
      {p, "skinny tile_m=4 tile_n=32 warps_n=8 unroll=8", "registers"},
      {p, "skinny tile_m=4 tile_n=16 warps_n=8 split_k=64", "split_k"},
      {problem(3, 4096, 8), "skinny tile_m=4 tile_n=16 warps_n=8 split_k=2", "empty"},
      {problem(3, 1 << 20, 4096), "skinny tile_m=4 tile_n=8 warps_n=8 split_k=2", "counters"},
      {p, "skinny tile_m=4 tile_n=16 warps_n=8 overlap=2", "overlap"},
      {across, "skinny tile_m=4 tile_n=64 warps_m=4 overlap=3", "contiguous along k"},
      {across, "skinny tile_m=4 tile_n=48 warps_m=4", "tile_n"},
      {across, "skinny tile_m=4 tile_n=64 warps_n=4", "warps_n"},
  };
  for (const auto& [problem, tactic, word] : cases) {
    CAPTURE(tactic);
    CAPTURE(reason(problem, tactic));
    CHECK(reason(problem, tactic).find(word) != std::string::npos);
  }
  Problem single = p;
  single.numerics = Numerics::deterministic;
  CHECK(reason(single, "skinny tile_m=4 tile_n=16 warps_n=8").find("skinny sums by FMA") != std::string::npos);
}

TEST_CASE("skinny's launch covers n, and its workspace holds every slice") {
  const Tactic t = parse_tactic("skinny tile_m=4 tile_n=16 warps_m=2 warps_n=4 split_k=4");
  const Geometry g = skinny().geometry(problem(3, 1000, 4096), t, {});
  CHECK(g.grid == std::array<std::uint32_t, 3>{63, 4, 1});
  CHECK(g.threads == 256);
  CHECK(g.smem_bytes == 2 * 4 * 16 * 4);
  CHECK(g.workspace_bytes == kCounterBytes + 63LL * 4 * 4 * 16 * 4);
}

TEST_CASE("skinny's CTAs own rows of B that start at the same byte of a 16-byte word") {
  const Tactic t = parse_tactic("skinny tile_m=1 tile_n=4 warps_m=2 warps_n=2");
  const auto ctas = [&](int align, std::int64_t n, Major b) {
    Problem p = problem(1, n, 4095);
    p.align_b = static_cast<std::uint8_t>(align), p.b_major = b;
    return skinny().geometry(p, t, {}).grid[0];
  };
  CHECK(ctas(16, 4096, Major::k) == 1024);
  CHECK(ctas(2, 4096, Major::k) == 1024);
  CHECK(ctas(2, 33, Major::k) == 16);  // 32 columns in eight CTAs, then one more of each
  CHECK(ctas(4, 33, Major::k) == 12);
  CHECK(ctas(8, 33, Major::k) == 10);
  CHECK(ctas(2, 33, Major::mn) == 9);
}

TEST_CASE("skinny's tactics come with and without an early start of the next kernel; a small grid is better off without") {
  const Problem p = problem(1, 2112, 7168);
  const auto with = [](const Problem& of, const DeviceFacts& d, int overlap) {
    std::vector<Tactic> all;
    skinny().enumerate(of, d, all);
    return std::count_if(all.begin(), all.end(), [&](const Tactic& t) { return t.overlap == overlap; });
  };
  CHECK(with(p, {}, 0) > 0);
  CHECK(with(p, {}, 1) == with(p, {}, 0));
  CHECK(with(p, {}, 3) == with(p, {}, 0));
  DeviceFacts ampere;
  ampere.compute_major = 8, ampere.compute_minor = 0;
  CHECK(with(p, ampere, 0) > 0);
  CHECK(with(p, ampere, 1) + with(p, ampere, 3) == 0);
  Problem across = p;
  across.b_major = Major::mn;
  CHECK(with(across, {}, 1) > 0);
  CHECK(with(across, {}, 3) == 0);
  const auto cost = [&](const char* t) { return skinny().cost_us(p, parse_tactic(t), {}); };
  CHECK(cost("skinny tile_n=2 warps_m=4 unroll=2 overlap=1") < cost("skinny tile_n=2 warps_m=4 unroll=2"));
  CHECK(cost("skinny tile_n=8 warps_n=8 unroll=2 overlap=1") > cost("skinny tile_n=8 warps_n=8 unroll=2"));
}

TEST_CASE("skinny gated: every output has a second row of weights") {
  const Tactic t = parse_tactic("skinny tile_m=4 tile_n=8 warps_m=2 warps_n=4 split_k=4");
  const Problem gated = parse_problem("3x1000x4096 bf16 gated silu aux scale=both");
  CHECK(reason(gated, to_string(t)) == "");
  const Geometry g = skinny().geometry(gated, t, {});
  CHECK(g.smem_bytes == 2 * 2 * 4 * 8 * 4);
  CHECK(g.workspace_bytes == kCounterBytes + 125LL * 4 * 2 * 4 * 8 * 4);
  for (const int m : {1, 2, 4, 8})
    for (const char* layout : {"a=k b=k", "a=m b=n"})
      for (const char* align : {"2,2,16,2", "16,16,16,16"}) {
        Problem p = parse_problem(std::string("1x4096x4096 bf16 ") + layout + " align=" + align + " gated silu aux");
        p.m = m;
        CAPTURE(to_string(p));
        CHECK(!space(p).empty());
      }
  const auto cost = [](const char* p) {
    return skinny().cost_us(parse_problem(p), parse_tactic("skinny tile_m=1 tile_n=8 warps_n=8 unroll=4"), {});
  };
  CHECK(cost("1x14336x4096 bf16 gated silu") > 1.7 * cost("1x14336x4096 bf16 silu"));
}
