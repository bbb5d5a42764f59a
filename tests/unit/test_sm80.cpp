// What the host knows of the sm80 family, without a GPU.
#include <doctest/doctest.h>

#include "families/family.hpp"
#include "kernels/args.cuh"
#include "prove/suite.hpp"

using namespace ak;

namespace {

const Family& sm80() { return family(FamilyId::sm80); }

Problem problem(std::int64_t m, std::int64_t n, std::int64_t k) {
  Problem p;
  p.m = m, p.n = n, p.k = k;
  return p;
}

std::vector<Tactic> space(const Problem& p, const DeviceFacts& d = {}) {
  std::vector<Tactic> all, kept;
  sm80().enumerate(p, d, all);
  for (const Tactic& t : all)
    if (!sm80().rejects(p, t, d)) kept.push_back(t);
  return kept;
}

std::string reason(const Problem& p, const std::string& tactic, const DeviceFacts& d = {}) {
  return sm80().rejects(p, parse_tactic(tactic), d).value_or("");
}

DeviceFacts ada() {
  DeviceFacts d;
  d.compute_major = 8, d.compute_minor = 9, d.sm_count = 128, d.smem_per_block = 101376, d.smem_per_sm = 102400;
  return d;
}

constexpr const char* kGood = "sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4";

}  // namespace

TEST_CASE("sm80 has tactics for every row of the suite, and each has a finite cost") {
  const auto rows = proof::read_suite(AK_SOURCE_DIR "/tests/bench/suite.csv");
  for (const proof::SuiteRow& row : rows) {
    Problem p = row.problem(Activation::identity);
    p.epilogue = {};
    CAPTURE(to_string(p));
    const auto tactics = space(p);
    CHECK(tactics.size() >= 40);
    for (const Tactic& t : tactics) {
      const double us = sm80().cost_us(p, t, {});
      CHECK(us > 1);
      CHECK(us < 1e6);
    }
  }
  CHECK(rows.size() == 71);
}

TEST_CASE("sm80 has tactics for every alignment, layout, size and device") {
  for (const DeviceFacts& d : {DeviceFacts{}, ada()})
    for (const std::uint8_t align_a : {2, 4, 8, 16})
      for (const std::uint8_t align_b : {2, 4, 8, 16})
        for (const Major a : {Major::k, Major::mn})
          for (const Major b : {Major::k, Major::mn})
            for (const auto& [m, n, k] :
                 {std::array{1, 1, 1}, {1, 70000, 3}, {40, 1, 5000}, {100, 100, 0}, {4096, 4097, 4097}}) {
              Problem p = problem(m, n, k);
              p.align_a = align_a, p.align_b = align_b, p.a_major = a, p.b_major = b, p.align_d = 2;
              CAPTURE(to_string(p));
              CHECK(!space(p, d).empty());
            }
}

TEST_CASE("sm80 offers hundreds of tactics for a common problem") {
  CHECK(space(problem(4096, 4096, 4096)).size() >= 200);
  CHECK(space(problem(16, 4096, 4096)).size() >= 100);
}

TEST_CASE("sm80 rejects with the physical reason") {
  const Problem p = problem(4096, 4096, 4096);
  CHECK(reason(p, kGood) == "");
  const std::pair<const char*, const char*> cases[] = {
      {"skinny tile_m=1", "sm80"},
      {"sm80 tile_m=48 tile_n=128 tile_k=32 stages=4", "tile_m"},
      {"sm80 tile_m=128 tile_n=8 tile_k=32 stages=4", "tile_n"},
      {"sm80 tile_m=128 tile_n=128 tile_k=128 stages=4", "tile_k"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=1 warps_m=2 warps_n=4", "stages"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=7 warps_m=2 warps_n=4", "stages"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=3 warps_m=3 warps_n=4", "warps_m"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=3 warps_m=8 warps_n=8", "512 threads"},
      {"sm80 tile_m=64 tile_n=128 tile_k=32 stages=3 warps_m=8 warps_n=1", "16 x warps_m"},
      {"sm80 tile_m=64 tile_n=32 tile_k=32 stages=3 warps_m=2 warps_n=4", "16 x warps_n"},
      {"sm80 tile_m=256 tile_n=256 tile_k=32 stages=2 warps_m=4 warps_n=2", "accumulators"},
      {"sm80 tile_m=256 tile_n=128 tile_k=64 stages=6 warps_m=4 warps_n=2", "shared memory"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 cluster_m=2", "cluster_m"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 load=1", "sm80 has no knob load"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 overlap=2", "overlap"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 schedule=pingpong", "schedule"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 schedule=cooperative", "nothing to copy"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 raster=99", "raster"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 store=2", "store"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 split_k=33", "split_k"},
      {"sm80 tile_m=128 tile_n=128 tile_k=32 stages=4 warps_m=2 warps_n=4 split_k=0", "split_k"},
  };
  for (const auto& [tactic, word] : cases) {
    CAPTURE(tactic);
    CHECK(reason(p, tactic).find(word) != std::string::npos);
  }
  // What fits on one GPU need not on another; ada's CTA has 99 KiB.
  const char* large = "sm80 tile_m=128 tile_n=256 tile_k=64 stages=3 warps_m=2 warps_n=4";
  CHECK(reason(p, large) == "");
  CHECK(reason(p, large, ada()).find("shared memory") != std::string::npos);
  // An odd leading dimension goes through registers, which a large tile lacks.
  Problem odd = p;
  odd.align_a = odd.align_b = 2;
  CHECK(reason(odd, large).find("registers") != std::string::npos);
}

TEST_CASE("sm80 splits k only where every slice has work and the numerics allow it") {
  const std::string split = std::string(kGood) + " split_k=8";
  CHECK(reason(problem(128, 128, 256), split) == "");
  CHECK(reason(problem(128, 128, 255), split) == "");
  CHECK(reason(problem(128, 128, 224), split).find("slice of k empty") != std::string::npos);
  CHECK(reason(problem(128 * 200, 128 * 100, 4096), split).find("counters") != std::string::npos);
  Problem single = problem(128, 128, 4096);
  single.numerics = Numerics::deterministic;
  CHECK(reason(single, split).find("deterministic is one order of summation") != std::string::npos);
}

TEST_CASE("sm80 refuses what no tactic of it can serve") {
  Problem p = problem(128, 128, 128);
  CHECK(!sm80().refuses(p, {}));
  p.in = DType::f32;
  CHECK(sm80().refuses(p, {})->find("f32") != std::string::npos);
  p.in = DType::f16;
  DeviceFacts turing;
  turing.compute_major = 7, turing.compute_minor = 5;
  CHECK(sm80().refuses(p, turing)->find("7.5") != std::string::npos);
  p.m = 1LL << 31;
  CHECK(sm80().refuses(p, {})->find("2^31") != std::string::npos);
  CHECK(space(p).empty());
}

TEST_CASE("sm80's launch covers D, and its workspace holds every slice's partial sums") {
  const Tactic t = parse_tactic("sm80 tile_m=128 tile_n=64 tile_k=64 stages=3 warps_m=2 warps_n=2 split_k=4");
  const Geometry g = sm80().geometry(problem(300, 200, 4096), t, {});
  CHECK(g.grid == std::array<std::uint32_t, 3>{3 * 4, 4, 1});
  CHECK(g.threads == 128);
  CHECK(g.smem_bytes == 3 * (128 + 64) * 64 * 2);
  CHECK(g.workspace_bytes == kCounterBytes + 3LL * 4 * 4 * 128 * 64 * 4);
  Tactic staged = t;
  staged.split_k = 1, staged.store = 1, staged.tile_k = 32, staged.stages = 2, staged.tile_n = 256, staged.tile_m = 64;
  const Geometry h = sm80().geometry(problem(300, 200, 4096), staged, {});
  CHECK(h.workspace_bytes == 0);
  CHECK(h.smem_bytes == std::max(2 * (64 + 256) * 32 * 2, 2 * 16 * (256 + 8) * 4));
}

TEST_CASE("sm80's cooperative schedule copies what is not aligned, and only that") {
  const Tactic t = parse_tactic("sm80 tile_m=128 tile_n=64 tile_k=64 stages=3 warps_m=2 warps_n=2 schedule=cooperative");
  Problem p = problem(300, 200, 4097);
  p.align_a = p.align_b = 2;
  CHECK(!sm80().rejects(p, t, {}));
  const std::int64_t row = 65 * 128;  // 4097 elements, up to the next multiple of 128 bytes
  CHECK(sm80().geometry(p, t, {}).workspace_bytes == kCounterBytes + 500 * row);
  CHECK(sm80().geometry(p, t, {}).grid[0] == 3 * 4 + 500 * row / (4 * 4096));
  p.align_a = 16;
  CHECK(sm80().geometry(p, t, {}).workspace_bytes == kCounterBytes + 200 * row);
  p.b_major = Major::mn;
  CHECK(sm80().geometry(p, t, {}).workspace_bytes == kCounterBytes + 4097 * 4 * 128);
  // The copies of a large problem are shared by as many CTAs as are resident, no more.
  Problem large = problem(4096, 4097, 4097);
  large.align_a = large.align_b = 2;
  const auto copies = sm80().geometry(large, t, {}).grid[0] - 32 * 65;
  CHECK(copies % 132 == 0);
  CHECK(copies >= 132);
  CHECK(copies <= 132 * 16);
}

TEST_CASE("sm80's cost prefers what the hardware prefers") {
  const auto cost = [](const Problem& p, const char* t) { return sm80().cost_us(p, parse_tactic(t), {}); };
  const Problem large = problem(4096, 4096, 4096);
  CHECK(cost(large, "sm80 tile_m=128 tile_n=256 tile_k=64 stages=3 warps_m=2 warps_n=4") <
        cost(large, "sm80 tile_m=32 tile_n=32 tile_k=64 stages=3 warps_m=2 warps_n=2"));
  const Problem narrow = problem(64, 512, 8192);
  CHECK(cost(narrow, "sm80 tile_m=64 tile_n=64 tile_k=64 stages=4 warps_m=2 warps_n=2 split_k=8") <
        cost(narrow, "sm80 tile_m=64 tile_n=64 tile_k=64 stages=4 warps_m=2 warps_n=2"));
}

TEST_CASE("sm80 gated: a stage, a copy and a partial sum for each of the two products") {
  const Tactic t = parse_tactic("sm80 tile_m=128 tile_n=64 tile_k=64 stages=3 warps_m=2 warps_n=2");
  const Problem gated = parse_problem("300x200x4096 bf16 gated silu"), plain = parse_problem("300x200x4096 bf16 silu");
  CHECK(sm80().geometry(plain, t, {}).smem_bytes == 3 * (128 + 64) * 64 * 2);
  CHECK(sm80().geometry(gated, t, {}).smem_bytes == 3 * (128 + 2 * 64) * 64 * 2);
  CHECK(sm80().geometry(gated, t, {}).grid[0] == 3 * 4);
  Tactic split = t;
  split.split_k = 4;
  CHECK(sm80().geometry(gated, split, {}).workspace_bytes == kCounterBytes + 12 * 4 * 2 * 128 * 64 * 4);
  Tactic copy = t;
  copy.schedule = static_cast<int>(Schedule::cooperative);
  const Problem odd = parse_problem("300x200x4097 bf16 align=2,2,16,16 gated silu");
  CHECK(sm80().geometry(odd, copy, {}).workspace_bytes == kCounterBytes + (300 + 2 * 200) * 65 * 128);
  Tactic wide = t;
  wide.tile_n = 128;
  CHECK(reason(plain, to_string(wide)) == "");
  CHECK(reason(gated, to_string(wide)).find("256 accumulators") != std::string::npos);
  for (const char* epilogue : {"gated silu", "gated silu aux scale=both bias=column", "silu aux c"})
    for (const char* sizes : {"4096x14336x4096 bf16", "16x14336x4096 bf16 b=n", "100x77x333 f16 align=2,2,2,2 out=f16"})
      CHECK(space(parse_problem(std::string(sizes) + " " + epilogue)).size() >= 20);
}
