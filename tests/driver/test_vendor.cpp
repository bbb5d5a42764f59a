// What cuBLASLt is asked for, and what our pass is left with: f32 until the end.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "plan/vendor.hpp"

using namespace ak;

namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

const char* const kOperands = reinterpret_cast<const char*>(std::uintptr_t{1} << 40);  // never touched: nothing is launched

CallArgs call(const Problem& p) {
  CallArgs args = representative_args(p);
  args.a.data = kOperands, args.b.data = kOperands + (std::int64_t{1} << 36),
  args.d.data = const_cast<char*>(kOperands) + (std::int64_t{2} << 36);
  if (p.epilogue.bias != BiasAxis::none) args.bias = kOperands + (std::int64_t{3} << 36);
  if (p.epilogue.gated) args.b2.data = kOperands + (std::int64_t{4} << 36);
  return args;
}

// A context with the fake device's memory, and what one launch in it did.
struct Launched {
  CUcontext context = fake::make_context();
  bool launched = false;
  std::vector<fake::Product> products;
  std::vector<std::string> passes;

  ~Launched() {
    CUcontext popped;
    driver().cuCtxPopCurrent(&popped);
    fake::end_context(context);
  }
  Launched() { driver().cuCtxPushCurrent(context); }

  void run(const LaunchPlan& plan, const CallArgs& args) {
    const OwnedStream stream = OwnedStream::make();
    fake::products(), fake::forget();
    launched = plan.try_launch(stream.get(), args);
    products = fake::products();
    passes.clear();
    for (const fake::Launch& launch : fake::launches())
      if (launch.kernel.starts_with("pass_")) passes.push_back(launch.kernel);
  }
  // None of them goes to D, and each is in f32.
  bool in_scratch(const CallArgs& args) const {
    return std::ranges::all_of(products, [&](const fake::Product& p) {
      return p.d_type == CUDA_R_32F && p.d != args.d.data && p.d_ld % 4 == 0 && reinterpret_cast<std::uintptr_t>(p.d) % 16 == 0;
    });
  }
};

}  // namespace

TEST_CASE("a product that our pass finishes is asked for in f32, in scratch") {
  for (const char* text :
       {"16x64x64 f16 out=f16 silu", "16x63x64 f16 out=f16 silu align=16,16,16,2", "16x64x64 silu bias=row c alpha",
        "16x64x64 relu scale=both aux", "16x64x64 silu aux", "16x64x64 f16 out=bf16", "16x64x64 silu out=f32"}) {
    fake::reset();
    Launched l;
    const Problem p = parse_problem(text);
    CAPTURE(text);
    const auto plan = VendorPlan::of_rank(resources(), p, vendor_tactic(0, VendorKind::separate));
    const CallArgs args = call(p);
    l.run(*plan, args);
    CHECK(l.launched);
    REQUIRE(l.products.size() == 1);
    CHECK(l.in_scratch(args));
    CHECK(l.products[0].d_rows == static_cast<std::uint64_t>(p.n));
    CHECK(l.products[0].d_columns == 16);
    CHECK(l.passes.size() == 1);
  }
}

TEST_CASE("what cuBLASLt fuses goes to D at once; with a bias it cannot take, through f32 scratch") {
  fake::reset();
  Launched l;
  const Problem p = parse_problem("16x64x64 f16 out=f16 relu bias=column:f16");
  const auto plan = VendorPlan::of_rank(resources(), p, vendor_tactic(0, VendorKind::fused));
  CallArgs args = call(p);
  l.run(*plan, args);
  REQUIRE(l.products.size() == 1);
  CHECK(l.products[0].d == args.d.data);
  CHECK(l.products[0].d_type == CUDA_R_16F);
  CHECK(l.passes.empty());
  args.bias = static_cast<const char*>(args.bias) + 2;
  l.run(*plan, args);
  REQUIRE(l.products.size() == 1);
  CHECK(l.in_scratch(args));
  CHECK(l.passes == std::vector<std::string>{"pass_relu_f16"});
  CHECK(plan->workspace_bytes() > 0);  // so it is no plan for want of scratch
}

TEST_CASE("gate and up wait in one panel, packed or apart") {
  fake::reset();
  Launched l;
  const Problem p = parse_problem("16x62x64 silu gated align=16,16,16,4");
  CallArgs args = call(p);
  const auto plan = VendorPlan::of_rank(resources(), p, vendor_tactic(0, VendorKind::separate));
  l.run(*plan, args);
  REQUIRE(l.products.size() == 2);
  CHECK(l.in_scratch(args));
  CHECK(static_cast<const char*>(l.products[1].d) - static_cast<const char*>(l.products[0].d) == 64 * 4);
  CHECK(l.products[1].d_ld == 128);
  args.b2.data = static_cast<const char*>(args.b.data) + 62 * args.b.ld * 2;
  l.run(*plan, args);
  REQUIRE(l.products.size() == 1);
  CHECK(l.in_scratch(args));
  CHECK(l.products[0].d_rows == 124);
  CHECK(l.passes == std::vector<std::string>{"pass_full_silu_bf16"});
}

TEST_CASE("a large product comes in panels of at most 256 MiB, row by row of D") {
  fake::reset();
  Launched l;
  const Problem p = parse_problem("100000x4096x64 silu");
  const CallArgs args = call(p);
  l.run(*VendorPlan::of_rank(resources(), p, vendor_tactic(0, VendorKind::separate)), args);
  CHECK(l.products.size() == 7);  // of 16384 rows
  CHECK(l.passes.size() == 7);
  std::uint64_t rows = 0;
  for (const fake::Product& product : l.products) {
    CHECK(static_cast<const char*>(product.second) - static_cast<const char*>(args.a.data) ==
          static_cast<std::int64_t>(rows) * args.a.ld * 2);
    CHECK(product.first == args.b.data);
    CHECK(product.d_columns <= 16384);
    rows += product.d_columns;
  }
  CHECK(rows == 100000);
  CHECK(l.in_scratch(args));
  CHECK(resources().workspaces().held_bytes() <= (256 + 32 + 2) * kMiB);  // the algorithm's own too
}

TEST_CASE("with little memory the panels are smaller, to eight rows, and D is not made use of") {
  fake::reset();
  Launched l;
  const Problem p = parse_problem("4096x65536x64 silu");  // 256 KiB a row
  const CallArgs args = call(p);
  Tactic tactic = vendor_tactic(1, VendorKind::separate);  // without a workspace of its own
  const auto plan = VendorPlan::of_rank(resources(), p, tactic);
  resources().workspaces().set_cap(16 * kMiB);
  l.run(*plan, args);
  CHECK(l.launched);
  CHECK(l.products.size() >= 4096 / 64);
  CHECK(l.products.size() <= 4096 / 8);
  CHECK(l.in_scratch(args));
  std::uint64_t rows = 0;
  for (const fake::Product& product : l.products) rows += product.d_columns;
  CHECK(rows == 4096);
  CHECK(resources().workspaces().held_bytes() <= 16 * kMiB);
}

TEST_CASE("without memory for eight rows nothing is enqueued") {
  fake::reset();
  Launched l;
  const Problem p = parse_problem("4096x65536x64 silu");
  const auto plan = VendorPlan::of_rank(resources(), p, vendor_tactic(1, VendorKind::separate));
  resources().workspaces().set_cap(kMiB);
  l.run(*plan, call(p));
  CHECK_FALSE(l.launched);
  CHECK(l.products.empty());
  CHECK(l.passes.empty());
}

TEST_CASE("an algorithm that was stored when the sum was rounded early is refused with the reason") {
  fake::reset();
  Launched l;
  const Problem p = parse_problem("64x64x64 silu");
  const Tactic separate = vendor_tactic(0, VendorKind::separate), fused = vendor_tactic(0, VendorKind::fused);
  const std::string blob = VendorPlan::of_rank(resources(), p, separate)->blob();
  std::string why;
  REQUIRE(VendorPlan::of_blob(resources(), p, separate, blob, &why));
  CHECK_FALSE(VendorPlan::of_blob(resources(), p, separate, blob.substr(0, blob.size() - 1), &why));
  CHECK(why.find("rounded before bias") != std::string::npos);
  CHECK_FALSE(VendorPlan::of_blob(resources(), p, separate, blob.substr(0, blob.size() - 1) + '\1', &why));
  CHECK(why.find("f32") != std::string::npos);
  // A fused bias is one of them: some of cuBLASLt's algorithms round before they add it, and no fallback takes them unproven.
  const Problem biased = parse_problem("64x64x64 relu bias=column");
  const std::string proven = VendorPlan::of_rank(resources(), biased, fused)->blob();
  CHECK(proven.size() == blob.size());
  CHECK_FALSE(VendorPlan::of_blob(resources(), biased, fused, proven.substr(0, proven.size() - 1), &why));
  CHECK(VendorPlan::fallback(resources(), biased)->tactic().separate == 1);
  CHECK(VendorPlan::fallback(resources(), parse_problem("64x64x64 relu"))->tactic().separate == 0);
  CHECK(VendorPlan::fallback(resources(), parse_problem("64x64x64 gelu_tanh"))->tactic().separate == 1);
  // One that cuBLASLt finishes is what it was.
  const Problem relu = parse_problem("64x64x64 relu");
  const std::string whole = VendorPlan::of_rank(resources(), relu, fused)->blob();
  CHECK(whole.size() + 1 == blob.size());
  CHECK(VendorPlan::of_blob(resources(), relu, fused, whole, &why));
  CHECK_FALSE(VendorPlan::of_blob(resources(), relu, separate, whole, &why));
}
