#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "families/family.hpp"
#include "kernels/args.cuh"
#include "prove/suite.hpp"

using namespace ak;

namespace {

const DeviceFacts kH200;

Problem problem(std::int64_t m, std::int64_t n, std::int64_t k) {
  Problem p;
  p.m = m, p.n = n, p.k = k;
  p.epilogue.activation = Activation::relu;
  p.epilogue.bias = BiasAxis::column;
  return p;
}

Tactic tactic(const std::string& knobs) { return parse_tactic("sm90 schedule=cooperative " + knobs); }

std::string why(const Problem& p, const Tactic& t) { return sm90_family().rejects(p, t, kH200).value_or(""); }

}  // namespace

TEST_CASE("sm90 offers a rich, valid space for every problem of the suite") {
  int rows = 0;
  for (const proof::SuiteRow& row : proof::read_suite(AK_SOURCE_DIR "/tests/bench/suite.csv")) {
    auto p = problem(row.m, row.n, row.k);
    if (p.k % 2 != 0) p.align_a = p.align_b = 2;
    if (p.k == 588) p.align_a = p.align_b = 8;
    ++rows;
    CAPTURE(to_string(p));
    std::vector<Tactic> space;
    sm90_family().enumerate(p, kH200, space);
    CHECK(space.size() >= 40);
    CHECK(space.size() <= 8000);
    std::set<std::string> texts;
    for (const Tactic& t : space) {
      texts.insert(to_string(t));
      REQUIRE(why(p, t) == "");
      const double cost = sm90_family().cost_us(p, t, kH200);
      REQUIRE(cost > 1.0);
      REQUIRE(cost < 1e6);
    }
    CHECK(texts.size() == space.size());
  }
  CHECK(rows > 50);
}

TEST_CASE("sm90 refuses what TMA and wgmma cannot do, and says why") {
  const auto refused = [](const Problem& p, const DeviceFacts& d = kH200) { return sm90_family().refuses(p, d).value_or(""); };
  CHECK(refused(problem(64, 64, 64)) == "");
  DeviceFacts ampere;
  ampere.compute_major = 8;
  CHECK(refused(problem(64, 64, 64), ampere).find("9.0") != std::string::npos);
  std::vector<Tactic> none;
  sm90_family().enumerate(problem(64, 64, 64), ampere, none);
  CHECK(none.empty());
}

TEST_CASE("sm90 packs operands below 16 bytes into the workspace, B first") {
  auto p = problem(100, 300, 777);
  const auto t = tactic("tile_m=128 tile_n=64 tile_k=64 stages=4");
  const auto geometry = [&] { return sm90_family().geometry(p, t, kH200); };
  CHECK(geometry().workspace_bytes == 0);
  p.align_a = p.align_b = 2;
  auto g = geometry();
  CHECK(g.maps[1].packed_at == kCounterBytes);
  CHECK(g.maps[0].packed_at == kCounterBytes + 300 * 13 * 128);  // 777 elements lie in 13 times 128 bytes
  CHECK(g.workspace_bytes == kCounterBytes + (300 + 100) * 13 * 128);
  CHECK(g.grid[0] == 132);  // five tiles, but all SMs pack
  p.epilogue.gated = true;
  g = geometry();
  CHECK(g.maps[2].packed_at == kCounterBytes + 300 * 13 * 128);
  CHECK(g.maps[0].packed_at == kCounterBytes + 600 * 13 * 128);
  p.epilogue.gated = false;
  p.align_b = 16;
  g = geometry();
  CHECK(g.maps[1].packed_at == 0);
  CHECK(g.maps[0].packed_at == kCounterBytes);
  p.align_a = 16, p.align_b = 4, p.b_major = Major::mn;
  g = geometry();
  CHECK(g.maps[1].packed_at == kCounterBytes);
  CHECK(g.workspace_bytes == kCounterBytes + 777 * 5 * 128);
  auto aligned = p;
  aligned.align_b = 16;
  CHECK(sm90_family().cost_us(p, t, kH200) > sm90_family().cost_us(aligned, t, kH200) + 2);
}

TEST_CASE("sm90 load 1 brings rows on 8-byte boundaries without packing, and nothing else") {
  auto p = problem(512, 4096, 588);
  p.align_a = p.align_b = 8;
  const auto t = tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 store=1 load=1");
  CHECK(why(p, t) == "");
  const auto g = sm90_family().geometry(p, t, kH200);
  CHECK(g.workspace_bytes == 0);
  CHECK(g.threads == 512);  // two warpgroups that multiply, two that load
  CHECK(g.maps[0].box_inner == 0);
  CHECK(g.maps[1].box_inner == 0);
  CHECK(g.maps[2].operand == OperandId::d);  // and none for A's last tile
  CHECK(g.maps[2].box_inner > 0);
  std::vector<Tactic> space;
  sm90_family().enumerate(p, kH200, space);
  const auto cheapest = std::min_element(space.begin(), space.end(), [&](const Tactic& a, const Tactic& b) {
    return sm90_family().cost_us(p, a, kH200) < sm90_family().cost_us(p, b, kH200);
  });
  CHECK(cheapest->load == 1);
  for (const char* knobs : {"stages=3", "stages=4 split_k=2", "stages=4 cluster_m=2", "stages=4 overlap=2"}) {
    CAPTURE(knobs);
    CHECK(why(p, tactic(std::string("tile_m=128 tile_n=64 tile_k=64 load=1 ") + knobs)).find("load 1") != std::string::npos);
  }
  CHECK(why(p, tactic("tile_m=128 tile_n=64 tile_k=128 stages=4 load=1")).find("64 k") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=192 tile_k=64 stages=4 load=1")).find("accumulators") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=64 tile_k=64 stages=4 load=2")).find("load is") != std::string::npos);
  p.align_b = 2;
  CHECK(why(p, t).find("8-byte") != std::string::npos);
  space.clear();
  sm90_family().enumerate(p, kH200, space);
  CHECK(std::none_of(space.begin(), space.end(), [](const Tactic& x) { return x.load == 1; }));
  p.align_b = 8, p.b_major = Major::mn;
  CHECK(why(p, t).find("contiguous along k") != std::string::npos);
}

TEST_CASE("sm90 rejects each impossible knob with its own reason") {
  const auto p = problem(4096, 4096, 4096);
  CHECK(why(p, tactic("tile_m=128 tile_n=256 tile_k=64 stages=4 store=1")) == "");
  CHECK(why(p, tactic("tile_m=128 tile_n=256 tile_k=64 stages=5")).find("shared memory") != std::string::npos);
  CHECK(why(p, tactic("tile_m=256 tile_n=256 tile_k=64 stages=3")).find("accumulators") != std::string::npos);
  CHECK(why(p, tactic("tile_m=96 tile_n=128 tile_k=64 stages=4")).find("tile_m") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=24 tile_k=64 stages=4")).find("wgmma width") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=32 stages=4")).find("tile_k") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=64 stages=1")).find("stages") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 cluster_m=3")).find("cluster_m and cluster_n") !=
        std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 split_k=9")).find("split_k") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 warps_m=2")).find("sm90 has no knob warps_m") !=
        std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 overlap=3")) == "");
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 overlap=4")).find("overlap") != std::string::npos);
  CHECK(why(p, parse_tactic("sm80 tile_m=128")).find("family") != std::string::npos);
  CHECK(why(p, tactic("tile_m=64 tile_n=64 tile_k=64 stages=4 cluster_m=4 cluster_n=4")).find("at most 8 CTAs") !=
        std::string::npos);
  auto strict = p;
  strict.numerics = Numerics::batch_invariant;
  CHECK(why(strict, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 split_k=2")).find("in slices of") != std::string::npos);
  auto odd = problem(4096, 4097, 4096);
  odd.align_d = 2;
  CHECK(why(odd, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4")) == "");
  CHECK(why(odd, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 store=1")).find("store") != std::string::npos);
  CHECK(why(odd, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 store=2")) == "");
  CHECK(why(odd, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 store=3")).find("store") != std::string::npos);
  odd.align_d = 16;  // a padded leading dimension: the copy engine would write past the row's end
  CHECK(why(odd, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4 store=1")).find("whole 16 bytes") != std::string::npos);
}

TEST_CASE("sm90's launch: persistent grid, whole clusters, boxes that tile the operands") {
  const auto p = problem(4096, 4096, 4096);
  auto t = tactic("tile_m=128 tile_n=256 tile_k=64 stages=4 cluster_m=2 store=1");
  auto g = sm90_family().geometry(p, t, kH200);
  CHECK(g.grid[0] == 132);
  CHECK(g.cluster[0] == 2);
  CHECK(g.threads == 384);
  CHECK(g.smem_bytes == 4 * (128 + 256) * 64 * 2 + 4 * 16 + 8 * 2048 + 2 * 256 * 4);
  REQUIRE(g.map_count == 4);
  CHECK(g.maps[0] == TensorMapSpec{OperandId::a, 64, 128, 128, 0, 128});
  CHECK(g.maps[1] == TensorMapSpec{OperandId::b, 64, 128, 128});  // half of 256: the cluster shares B
  CHECK(g.maps[2] == TensorMapSpec{OperandId::a_tail, 64, 128, 128, 0, 128});
  CHECK(g.maps[3] == TensorMapSpec{OperandId::d, 32, 16, 64});

  // 192 accumulators a thread leave the producer no registers for a last tile of its own.
  g = sm90_family().geometry(p, tactic("tile_m=256 tile_n=192 tile_k=64 stages=3"), kH200);
  CHECK(g.maps[0] == TensorMapSpec{OperandId::a, 64, 256, 128});
  CHECK(g.maps[2] == TensorMapSpec{OperandId::a_tail});
  CHECK_FALSE(uses(g.maps[2], 4097));

  // Whole runs: two warpgroups' two strips of 32 rows of D, 64 elements and a gap each.
  g = sm90_family().geometry(p, tactic("tile_m=64 tile_n=104 tile_k=64 stages=4 schedule=pingpong swap_ab=1 store=2"), kH200);
  CHECK(g.map_count == 3);
  CHECK(g.smem_bytes == 4 * ((64 + 104) * 64 * 2 + 16) + 2 * 2 * 32 * (64 * 2 + 16));
  // Or eight warps' strips of 16 rows, half the tile's columns and a gap each.
  g = sm90_family().geometry(p, tactic("tile_m=128 tile_n=192 tile_k=64 stages=4 schedule=pingpong store=2"), kH200);
  CHECK(g.smem_bytes == 4 * ((128 + 192) * 64 * 2 + 16) + 8 * 16 * (96 * 2 + 16) + 2 * 192 * 4);

  t = tactic("tile_m=64 tile_n=16 tile_k=128 stages=8 swap_ab=1 split_k=2");
  g = sm90_family().geometry(problem(16, 4096, 4096), t, kH200);
  CHECK(g.grid[0] == 128);  // 64 tiles of weights, each by a cluster of two
  CHECK(g.cluster[0] == 2);
  CHECK(g.threads == 160);
  REQUIRE(g.map_count == 3);
  CHECK(g.maps[0] == TensorMapSpec{OperandId::a, 64, 16, 128, 0, 16});
  CHECK(g.maps[1] == TensorMapSpec{OperandId::b, 64, 64, 128});
  CHECK(g.maps[2] == TensorMapSpec{OperandId::a_tail, 64, 16, 128, 0, 16});

  auto transposed = p;
  transposed.b_major = Major::mn;
  g = sm90_family().geometry(transposed, tactic("tile_m=128 tile_n=208 tile_k=64 stages=3"), kH200);
  CHECK(g.maps[1] == TensorMapSpec{OperandId::b, 64, 64, 128});
  CHECK(g.smem_bytes == 3 * ((128 + 256) * 64 * 2 + 16) + 2 * 208 * 4);  // 208 columns lie in four chunks of 64

  g = sm90_family().geometry(problem(300, 300, 64), tactic("tile_m=128 tile_n=128 tile_k=64 stages=4"), kH200);
  CHECK(g.grid[0] == 9);
}

TEST_CASE("sm90: the last tile of A's rows is brought in boxes that end with them, in whole swizzle atoms for each CTA") {
  const auto tail = [](std::int64_t m, const char* knobs) {
    const auto t = tactic(knobs);
    const Geometry g = sm90_family().geometry(problem(m, 4096, 4096), t, kH200);
    const auto map = std::ranges::find(g.maps, OperandId::a_tail, &TensorMapSpec::operand);
    REQUIRE(map != g.maps.end());
    CHECK(map->tile_rows == (t.swap_ab ? t.tile_n : t.tile_m));
    CHECK(map->box_outer * (t.swap_ab ? t.cluster_m : t.cluster_n) == map->tile_rows);
    CHECK(uses(*map, m) == (m % map->tile_rows != 0));
    CHECK(uses(g.maps[0], m) == (m >= map->tile_rows));
    return tail_rows(*map, m);
  };
  const char* const one = "tile_m=64 tile_n=128 tile_k=64 stages=4 swap_ab=1";
  for (const auto& [m, rows] : {std::pair{1, 8}, {8, 8}, {9, 16}, {97, 104}, {127, 128}, {128, 128}, {129, 8}, {256, 128}}) {
    CAPTURE(m);
    CHECK(tail(m, one) == rows);
  }
  const char* const four = "tile_m=64 tile_n=128 tile_k=64 stages=4 swap_ab=1 cluster_m=4";
  for (const auto& [m, rows] : {std::pair{1, 8}, {32, 8}, {33, 16}, {97, 32}, {128, 32}, {129, 8}}) {
    CAPTURE(m);
    CHECK(tail(m, four) == rows);
  }
  const char* const straight = "tile_m=192 tile_n=128 tile_k=64 stages=4 cluster_n=2";
  for (const auto& [m, rows] : {std::pair{1, 8}, {17, 16}, {192, 96}, {200, 8}, {383, 96}}) {
    CAPTURE(m);
    CHECK(tail(m, straight) == rows);
  }
}

TEST_CASE("sm90's cost prefers big tiles for big problems and split or narrow work for few tokens") {
  const auto cost = [](const Problem& p, const char* knobs) { return sm90_family().cost_us(p, tactic(knobs), kH200); };
  const auto large = problem(4096, 4096, 4096), decode = problem(16, 4096, 4096);
  CHECK(cost(large, "tile_m=128 tile_n=256 tile_k=64 stages=4 store=1") <
        cost(large, "tile_m=64 tile_n=32 tile_k=64 stages=8 store=1"));
  CHECK(cost(decode, "tile_m=64 tile_n=16 tile_k=128 stages=8 swap_ab=1 split_k=2") <
        cost(decode, "tile_m=128 tile_n=16 tile_k=64 stages=4 swap_ab=1"));
}

TEST_CASE("sm90 fetches weights ahead where memory is the bound, and only operands that are read where they lie") {
  const auto overlaps = [](const Problem& p, auto&& wanted) {
    std::vector<Tactic> space;
    sm90_family().enumerate(p, kH200, space);
    std::set<int> seen;
    for (const Tactic& t : space)
      if (wanted(t)) seen.insert(t.overlap);
    return seen;
  };
  const auto any = [](const Tactic&) { return true; };
  CHECK(overlaps(problem(64, 4096, 4096), [](const Tactic& t) { return t.tile_m == 64 && t.tile_n == 32 && t.split_k == 1; }) ==
        std::set{1, 3});  // 128 CTAs
  // 112 CTAs: the next launch's would come to lie unevenly, unless in clusters that fit evenly only.
  const auto wide = problem(64, 14336, 4096);
  const auto tiles_of_128 = [](const Tactic& t) { return t.tile_m == 128 && t.tile_n == 64 && t.swap_ab && t.split_k == 1; };
  const auto tiles_of_160 = [](const Tactic& t) {
    return t.swap_ab && t.tile_m == 128 && t.tile_n == 160 && t.cluster_m * t.cluster_n * t.split_k == 1;
  };
  CHECK(overlaps(wide, [&](const Tactic& t) { return tiles_of_128(t) && t.cluster_m * t.cluster_n < 4; }) == std::set{0, 2});
  CHECK(overlaps(wide, [&](const Tactic& t) { return tiles_of_128(t) && t.cluster_m == 4; }) == std::set{0, 2, 3});
  CHECK(overlaps(problem(16, 4096, 4096), [](const Tactic& t) {
          return t.swap_ab && t.tile_m == 64 && t.tile_n == 16 && t.split_k == 1;
        }) == std::set{0, 2, 3});  // 64 CTAs: two launches lie beside each other
  CHECK(overlaps(problem(160, 14336, 4096), tiles_of_160) == std::set{0, 2, 3});
  // A tile of 32 for 16 tokens only where it makes such clusters.
  std::vector<Tactic> few;
  sm90_family().enumerate(problem(16, 14336, 4096), kH200, few);
  const auto padded = [](const Tactic& t) { return t.swap_ab && t.tile_n == 32; };
  CHECK(std::any_of(few.begin(), few.end(), [&](const Tactic& t) { return padded(t) && t.overlap == 3; }));
  CHECK(std::none_of(few.begin(), few.end(), [&](const Tactic& t) { return padded(t) && t.cluster_m < 4; }));
  CHECK(overlaps(problem(2048, 2048, 4096), any) == std::set{0, 1});
  auto unaligned = problem(64, 4096, 4095);
  unaligned.align_a = unaligned.align_b = 2;
  CHECK(overlaps(unaligned, any) == std::set{0, 1});
  CHECK(why(unaligned, tactic("tile_m=64 tile_n=64 tile_k=64 stages=4 overlap=2")).find("overlap") != std::string::npos);

  const auto cost = [](const Problem& p, const char* knobs) { return sm90_family().cost_us(p, tactic(knobs), kH200); };
  CHECK(cost(wide, "tile_m=128 tile_n=64 tile_k=128 stages=4 swap_ab=1 store=1 overlap=2") <
        cost(wide, "tile_m=128 tile_n=64 tile_k=128 stages=4 swap_ab=1 store=1"));
  const auto large = problem(4096, 4096, 4096);
  CHECK(cost(large, "tile_m=128 tile_n=256 tile_k=64 stages=4 store=1 overlap=3") ==
        cost(large, "tile_m=128 tile_n=256 tile_k=64 stages=4 store=1 overlap=1"));
}

TEST_CASE("sm90 gated: two matrices in one operand, a third map, twice the sums") {
  auto p = parse_problem("4096x14336x4096 bf16 gated silu aux bias=column scale=both");
  CHECK(why(p, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4")) == "");
  CHECK(why(p, tactic("tile_m=128 tile_n=104 tile_k=64 stages=4")) == "");
  CHECK(why(p, tactic("tile_m=128 tile_n=104 tile_k=64 stages=4 store=1")).find("16 columns at once") != std::string::npos);
  CHECK(why(p, tactic("tile_m=128 tile_n=136 tile_k=64 stages=4")).find("wgmma of width 272") != std::string::npos);
  CHECK(why(p, tactic("tile_m=256 tile_n=128 tile_k=64 stages=3")).find("256 f32 accumulators") != std::string::npos);
  auto g = sm90_family().geometry(p, tactic("tile_m=128 tile_n=96 tile_k=64 stages=4 cluster_m=2 store=1"), kH200);
  REQUIRE(g.map_count == 6);
  CHECK(g.maps[0].operand == OperandId::a);
  CHECK(g.maps[1] == TensorMapSpec{OperandId::b, 64, 48, 128});
  CHECK(g.maps[2] == TensorMapSpec{OperandId::b2, 64, 48, 128});
  CHECK(g.maps[3].operand == OperandId::a_tail);
  CHECK(g.maps[4] == TensorMapSpec{OperandId::d, 32, 16, 64});
  CHECK(g.maps[5] == TensorMapSpec{OperandId::aux, 32, 16, 64});
  // A and both matrices of weights; strips of D, gate and up; two terms for 192 columns.
  CHECK(g.smem_bytes == 4 * ((128 + 2 * 96) * 64 * 2 + 16) + 8 * 3072 + 2 * 2 * 192 * 4);

  auto ragged = parse_problem("4096x14344x4096 bf16 gated silu aux");
  CHECK(why(ragged, tactic("tile_m=128 tile_n=96 tile_k=64 stages=4")) == "");
  CHECK(why(ragged, tactic("tile_m=128 tile_n=96 tile_k=64 stages=4 store=1")).find("the up part follows") !=
        std::string::npos);
  auto across = parse_problem("4096x14336x4096 bf16 b=n gated silu");
  CHECK(why(across, tactic("tile_m=128 tile_n=128 tile_k=64 stages=4")) == "");
  CHECK(why(across, tactic("tile_m=128 tile_n=96 tile_k=64 stages=4")).find("swizzled row") != std::string::npos);

  const auto decode = parse_problem("16x14336x4096 bf16 gated silu");
  CHECK(why(decode, tactic("tile_m=64 tile_n=16 tile_k=128 stages=5 swap_ab=1")) == "");
  g = sm90_family().geometry(decode, tactic("tile_m=64 tile_n=16 tile_k=128 stages=5 swap_ab=1"), kH200);
  CHECK(g.smem_bytes == 5 * ((2 * 64 + 16) * 128 * 2 + 16));
  CHECK(g.grid[0] == 132);
  REQUIRE(g.map_count == 4);
  CHECK(g.maps[2] == TensorMapSpec{OperandId::b2, 64, 64, 128});
  CHECK(why(decode, tactic("tile_m=64 tile_n=16 tile_k=128 stages=2 swap_ab=1 split_k=2")) == "");
  const auto split = parse_problem("256x512x4096 bf16 gated silu");
  CHECK(why(split, tactic("tile_m=128 tile_n=120 tile_k=64 stages=3 split_k=2")) == "");
  // Eight of a tile's fifteen slices of columns, gate and up, wait in shared memory for the other slice's sums.
  g = sm90_family().geometry(split, tactic("tile_m=128 tile_n=120 tile_k=64 stages=3 split_k=2"), kH200);
  CHECK(g.smem_bytes == 3 * ((128 + 2 * 120) * 64 * 2 + 16) + 256 * 2 * 8 * 16 + 16);

  // The same weights in one kernel or in two: gated costs what the plain product of twice n costs.
  const auto cost = [](const char* problem, const char* knobs) {
    return sm90_family().cost_us(parse_problem(problem), tactic(knobs), kH200);
  };
  const double gated = cost("4096x14336x4096 bf16 gated silu", "tile_m=128 tile_n=128 tile_k=64 stages=4 store=1");
  const double plain = cost("4096x28672x4096 bf16 silu", "tile_m=128 tile_n=256 tile_k=64 stages=4 store=1");
  CHECK(gated < plain);
  CHECK(gated > 0.8 * plain);
}

TEST_CASE("sm90 offers tactics for gated, aux and scales in every layout") {
  for (const char* sizes : {"4096x14336x4096", "16x14336x4096", "512x11008x4096", "1x64x64"})
    for (const char* layout : {"a=k b=k", "a=k b=n", "a=m b=n"})
      for (const char* epilogue :
           {"gated silu", "gated gelu_tanh aux bias=column scale=both out=f32", "silu aux", "c scale=row"}) {
        const auto p = parse_problem(std::string(sizes) + " bf16 " + layout + " " + epilogue);
        CAPTURE(to_string(p));
        std::vector<Tactic> space;
        sm90_family().enumerate(p, kH200, space);
        CHECK(space.size() >= 20);
        CHECK(space.size() <= 4000);
      }
}
