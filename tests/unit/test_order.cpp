// Numeric policies: which order of summation a tactic has, and that a policy leaves one.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "families/family.hpp"
#include "families/order.hpp"
#include "plan/vendor.hpp"
#include "search/space.hpp"

using namespace ak;

namespace {

DeviceFacts ampere() {
  DeviceFacts facts;
  facts.name = "NVIDIA A100", facts.compute_major = 8, facts.sm_count = 108;
  facts.smem_per_block = 166912, facts.smem_per_sm = 167936;
  return facts;
}

SumOrder order_of(const Problem& problem, const char* tactic) {
  const Tactic t = parse_tactic(tactic);
  return family(t.family).order(problem, t);
}

std::set<std::string> orders(const Problem& problem, const DeviceFacts& device) {
  std::set<std::string> all;
  for (const RankedTactic& ranked : make_space(problem, device).tactics)
    all.insert(to_string(family(ranked.tactic.family).order(problem, ranked.tactic)));
  return all;
}

}  // namespace

TEST_CASE("order: what sums alike is equal, what does not is not") {
  const Problem p = parse_problem("64x4096x4000");
  const SumOrder plain = order_of(p, "sm90 tile_m=128 tile_n=128 tile_k=64 stages=4 schedule=cooperative");
  for (const char* same : {"sm90 tile_m=64 tile_n=16 tile_k=64 stages=8 schedule=cooperative",
                           "sm90 tile_m=128 tile_n=64 tile_k=64 stages=4 schedule=pingpong cluster_m=2 raster=8 store=1",
                           "sm90 tile_m=64 tile_n=16 tile_k=64 stages=4 schedule=cooperative swap_ab=1 overlap=2"})
    CHECK(order_of(p, same) == plain);
  for (const char* other :
       {"sm90 tile_m=128 tile_n=128 tile_k=128 stages=4 schedule=cooperative",  // 4096 steps, not 4032
        "sm90 tile_m=128 tile_n=128 tile_k=64 stages=4 schedule=cooperative split_k=2",
        "sm80 tile_m=128 tile_n=128 tile_k=64 stages=4 warps_m=2 warps_n=2", "skinny tile_m=4 tile_n=16 warps_n=8"})
    CHECK_FALSE(order_of(p, other) == plain);
  const Problem whole = parse_problem("64x4096x4096");
  CHECK(order_of(whole, "sm90 tile_m=128 tile_n=128 tile_k=128 stages=4 schedule=cooperative") ==
        order_of(whole, "sm90 tile_m=128 tile_n=128 tile_k=64 stages=4 schedule=cooperative"));
  CHECK(order_of(whole, "sm80 tile_m=64 tile_n=64 tile_k=32 stages=4 warps_m=2 warps_n=2 split_k=4") ==
        order_of(whole, "sm80 tile_m=128 tile_n=128 tile_k=64 stages=3 warps_m=2 warps_n=4 split_k=4"));
  const Problem few = parse_problem("4x4096x4096");
  CHECK_FALSE(order_of(few, "skinny tile_m=4 tile_n=16 warps_m=2 warps_n=4") ==
              order_of(few, "skinny tile_m=4 tile_n=16 warps_m=1 warps_n=8"));
  CHECK(to_string(plain) == "wgmma, 4032 products in one chain");
  CHECK(to_string(order_of(whole, "sm80 tile_m=64 tile_n=64 tile_k=64 stages=4 split_k=4")) ==
        "mma.sync, 4096 products in slices of 1024");
}

TEST_CASE("order: a policy leaves every problem of each kind tactics, all of one order") {
  for (const char* text :
       {"16x4096x4096 silu bias=column", "4x4096x4096", "1x512x777 align=2,2,16,16", "333x1001x1000 gated silu",
        "4096x4096x4096 c", "100x256x100 a=m b=n align=8,16,16,16 f16", "7x64x30 aux gelu_tanh align=4,4,16,16"})
    for (const DeviceFacts& device : {DeviceFacts{}, ampere()}) {
      Problem p = parse_problem(text);
      CAPTURE(text);
      CAPTURE(device.name);
      CHECK_FALSE(orders(p, device).empty());
      p.numerics = Numerics::deterministic;
      const auto one = orders(p, device);
      REQUIRE(one.size() == 1);
      CHECK(*one.begin() == to_string(policy_order(p, device)));
      p.numerics = Numerics::batch_invariant;
      CHECK(orders(p, device) == one);
    }
}

TEST_CASE("order: batch_invariant is one order for every m") {
  for (const DeviceFacts& device : {DeviceFacts{}, ampere()})
    for (const char* shape : {"x4096x4096", "x1001x777"}) {
      std::set<std::string> all;
      for (const int m : {1, 2, 3, 8, 9, 64, 100, 512, 4096}) {
        const auto here = orders(parse_problem(std::to_string(m) + shape + " batch_invariant"), device);
        CHECK(here.size() == 1);
        all.insert(here.begin(), here.end());
      }
      CHECK(all.size() == 1);
    }
}

TEST_CASE("order: what a policy forbids is refused with the reason, cuBLASLt too") {
  for (const DeviceFacts& device : {DeviceFacts{}, ampere()}) CHECK(orders(parse_problem("4x4096x4096"), device).size() > 2);
  const Problem p = parse_problem("4x4096x4096 deterministic");
  const Space space = make_space(p, {});
  const auto why = [&](const char* tactic) { return space.rejects(parse_tactic(tactic)).value_or(""); };
  CHECK(why("skinny tile_m=4 tile_n=16 warps_n=8") ==
        "numerics=deterministic is one order of summation on this GPU: wgmma, 4096 products in one chain; skinny sums by FMA");
  CHECK(why("sm90 tile_m=64 tile_n=16 tile_k=64 stages=4 schedule=cooperative swap_ab=1 split_k=2") ==
        "numerics=deterministic is one order of summation on this GPU: wgmma, 4096 products in one chain, not wgmma, 4096 "
        "products "
        "in slices of 2048");
  CHECK(why("sm90 tile_m=64 tile_n=16 tile_k=64 stages=4 schedule=cooperative swap_ab=1") == "");
  for (const VendorKind kind : kVendorKinds) {
    CHECK_FALSE(vendor_offers(p, kind));
    CHECK_FALSE(vendor_offers(parse_problem("4x4096x4096 relu bias=column batch_invariant"), kind));
  }
  CHECK(vendor_offers(parse_problem("4x4096x4096"), VendorKind::fused));
}

TEST_CASE("order: policies by name; single_pass was deterministic's") {
  CHECK(parse_numerics("single_pass") == Numerics::deterministic);
  CHECK(parse_problem("16x32x64 single_pass") == parse_problem("16x32x64 deterministic"));
  for (const char* name : {"deterministic", "batch_invariant"}) {
    const Problem p = parse_problem(std::string("16x32x64 ") + name);
    CHECK(to_string(p).ends_with(std::string(" ") + name));
    CHECK(parse_problem(to_string(p)) == p);
    CHECK_FALSE(p == parse_problem("16x32x64"));
  }
  CHECK_FALSE(parse_numerics("exact"));
  CHECK_THROWS_WITH_AS(parse_problem("16x32x64 exact"), doctest::Contains("'exact': not a field of a problem"), Error);
}
