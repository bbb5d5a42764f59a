// Verification of gated, aux and scaled products: a right plan passes on every kind of data, and one that is wrong in any
// single way does not.
#include <doctest/doctest.h>

#include <functional>

#include "plan/vendor.hpp"
#include "proof/local_prover.hpp"
#include "proof/rotating_sets.hpp"
#include "proof/verify.hpp"
#include "runner/gpu_trials.hpp"

using namespace ak;

namespace {

constexpr const char* kProblems[] = {"64x96x128 silu gated",
                                     "64x96x128 silu gated aux bias=column",
                                     "64x96x128 f16 out=f16 relu gated aux scale=both bias=column:f32",
                                     "40x72x64 b=n gelu_erf gated aux out=f32",
                                     "64x96x128 gelu_tanh aux bias=column",
                                     "64x96x128 silu aux c alpha bias=column",
                                     "64x96x128 identity scale=row out=f32",
                                     "64x96x128 mish scale=column aux c bias=row"};

// cuBLASLt's plan, given other arguments than the caller's.
class Altered : public LaunchPlan {
 public:
  Altered(const Problem& problem, std::function<void(CallArgs&)> alter)
      : plan_(VendorPlan::fallback(resources(), problem)), alter_(std::move(alter)) {}
  bool try_launch(Stream stream, const CallArgs& args) const override {
    CallArgs other = args;
    alter_(other);
    return plan_->try_launch(stream, other);
  }
  const Tactic& tactic() const override { return plan_->tactic(); }

 private:
  std::shared_ptr<VendorPlan> plan_;
  std::function<void(CallArgs&)> alter_;
};

struct Bench {
  GpuQueue queue;
  Probe probe{resources()};
  Verifier verifier{queue, probe};

  Verdict check(
      const Problem& p, Data data, Spacing spacing, std::function<void(CallArgs&)> alter = [](CallArgs&) {},
      std::int64_t last_rows = 0) {
    Case on(queue, probe, p, data, spacing, 3, last_rows);
    const Altered plan(p, std::move(alter));
    const Run run{&plan, &on};
    return verifier.check({&run, 1}, Deadline::in(10));
  }
};

}  // namespace

TEST_CASE("right plans pass on every kind of data") {
  Bench bench;
  for (const char* text : kProblems)
    for (const Data data : {Data::normal, Data::wide, Data::integers, Data::extremes})
      for (const Spacing spacing : {Spacing::tight, Spacing::gapped}) {
        const Problem p = parse_problem(text);
        CAPTURE(text);
        CAPTURE(static_cast<int>(data));
        CAPTURE(static_cast<int>(spacing));
        const Verdict verdict = bench.check(p, data, spacing);
        CHECK_MESSAGE(verdict.right, verdict.why);
      }
}

TEST_CASE("more rows of tiles than a grid has along y are proven as any others") {
  Bench bench;
  const Verdict verdict = bench.check(parse_problem("8388609x64x64 relu bias=column"), Data::normal, Spacing::tight);
  CHECK_MESSAGE(verdict.right, verdict.why);
}

TEST_CASE("of a case that looks at its last rows all are launched, and a wrong last one shows") {
  Bench bench;
  for (const char* text : {"1000x96x128 relu", "999x96x128 silu a=m gated aux bias=column scale=both",
                           "1000x96x128 mish c alpha", "33000x140000x64 relu"}) {  // beyond 2^32 elements
    CAPTURE(text);
    const Problem p = parse_problem(text);
    if (Case::bytes_for(p, Spacing::tight, 256) > device_memory().free) continue;
    for (const std::int64_t rows : {256, 1}) {
      const Verdict right = bench.check(
          p, Data::normal, Spacing::tight, [](CallArgs&) {}, rows);
      CHECK_MESSAGE(right.right, right.why);
      const Verdict wrong = bench.check(
          p, Data::normal, Spacing::tight, [](CallArgs& args) { --args.m; }, rows);
      CHECK_FALSE(wrong.right);
    }
  }
}

TEST_CASE("a plan that spoils the inputs is found out, and the next one is proven on fresh ones") {
  Bench bench;
  const Problem p = parse_problem("64x96x128 relu");
  const Altered strays(p, [](CallArgs& args) { args.d.data = const_cast<void*>(args.a.data), args.d.ld = args.a.ld; });
  const Altered right(p, [](CallArgs&) {});
  Testbed bed(p, p, resources(), {});
  LocalProver prover(bed);
  for (const Effort effort : {Effort::quick, Effort::full}) {
    try {
      prover.prove(strays, nullptr, effort, Deadline::in(10));
      FAIL("it passed");
    } catch (const Failed& failed) {
      CHECK(failed.harms);
      CHECK_MESSAGE(failed.why.find("an input was modified") != std::string::npos, failed.why);
    }
    CHECK_NOTHROW(prover.prove(right, nullptr, effort, Deadline::in(10)));
  }
}

TEST_CASE("every activation passes at its branch points, plain and gated") {
  Bench bench;
  for (int i = 0; i < kActivationCount; ++i)
    for (const char* rest : {"out=f32", "out=bf16", "gated out=f32", "gated aux out=bf16"}) {
      Problem p = parse_problem(std::string("64x96x64 ") + rest);
      p.epilogue.activation = static_cast<Activation>(i);
      CAPTURE(to_string(p));
      const Verdict verdict = bench.check(p, Data::branches, Spacing::tight);
      CHECK_MESSAGE(verdict.right, verdict.why);
    }
}

TEST_CASE("every activation passes where numbers end, in every type and layout, whatever is added") {
  Bench bench;
  for (int i = 0; i < kActivationCount; ++i)
    for (const char* rest :
         {"f16 out=f16 bias=column", "f16 out=f32 c alpha", "out=bf16 bias=row:f32", "f16 out=f16 gated aux bias=column:f32",
          "b=n a=m f16 out=f16 scale=both bias=column", "b=n out=bf16 c", "f16 out=bf16 bias=column:f16"})
      for (const Spacing spacing : {Spacing::tight, Spacing::gapped}) {
        Problem p = parse_problem(std::string("136x200x72 ") + rest);
        p.epilogue.activation = static_cast<Activation>(i);
        CAPTURE(to_string(p));
        const Verdict verdict = bench.check(p, Data::extremes, spacing);
        CHECK_MESSAGE(verdict.right, verdict.why);
      }
}

TEST_CASE("a bias loaded as if it were aligned is seen") {
  Bench bench;
  for (const Data data : {Data::normal, Data::extremes})
    CHECK_FALSE(bench
                    .check(parse_problem("136x199x72 relu bias=column align=16,16,16,2"), data, Spacing::gapped,
                           [](CallArgs& a) {
                             a.bias =
                                 reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(a.bias) & ~std::uintptr_t{3});
                           })
                    .right);
}

TEST_CASE("a gate taken for the up, an aux or scale gone astray: each is seen") {
  Bench bench;
  const auto wrong = [&](const char* text, const char* says, std::function<void(CallArgs&)> alter) {
    CAPTURE(text);
    for (const Data data : {Data::normal, Data::wide}) {
      const Verdict verdict = bench.check(parse_problem(text), data, Spacing::gapped, alter);
      CHECK_FALSE(verdict.right);
      CHECK_MESSAGE(verdict.why.find(says) != std::string::npos, verdict.why);
    }
  };
  constexpr const char *kGated = "64x96x128 silu gated", *kBoth = "64x96x128 silu gated aux bias=column:f32 scale=both",
                       *kPlain = "64x96x128 silu aux bias=column:f32 scale=both";
  wrong(kGated, "D[", [](CallArgs& a) { std::swap(a.b.data, a.b2.data); });
  wrong(kGated, "D[", [](CallArgs& a) { a.b2.data = a.b.data; });
  wrong("64x96x128 identity gated aux", "aux[", [](CallArgs& a) { std::swap(a.b.data, a.b2.data); });  // D is symmetric
  wrong(kBoth, "D[", [](CallArgs& a) { a.row_scale++; });
  wrong(kBoth, "D[", [](CallArgs& a) { a.column_scale++; });
  wrong(kPlain, "D[", [](CallArgs& a) { a.bias = static_cast<const float*>(a.bias) + 1; });
  wrong(kPlain, "D[", [](CallArgs& a) { a.alpha = 1, a.row_scale = a.column_scale; });
  // Aux in the wrong place: outside its rows, and missing inside.
  wrong("64x96x128 relu aux", "outside D and aux", [](CallArgs& a) { a.aux.ld += 8; });
  // Aux and D exchanged: D holds the linear part.
  wrong("64x96x128 silu aux", "[", [](CallArgs& a) { std::swap(a.d.data, a.aux.data), std::swap(a.d.ld, a.aux.ld); });
}

TEST_CASE("rotating sets hold all operands, and the vendor's survey of a gated problem has an anchor") {
  Bench bench;
  const Problem p = parse_problem("64x512x512 silu gated aux scale=both");
  RotatingSets sets(bench.queue, bench.probe, p, resources().facts());
  for (int i = 0; i < sets.count(); i += sets.count() - 1) {
    const CallArgs& args = sets.args(i);
    for (const void* pointer : {args.b2.data, static_cast<const void*>(args.aux.data), static_cast<const void*>(args.row_scale),
                                static_cast<const void*>(args.column_scale)}) {
      CHECK(reinterpret_cast<std::uint64_t>(pointer) > sets.base(i));
      CHECK(reinterpret_cast<std::uint64_t>(pointer) < sets.base(i) + sets.layout().bytes);
    }
  }
  GpuTrials runner(p, resources());
  const auto tactics = runner.vendor_tactics(Deadline::in(10));
  REQUIRE(!tactics.empty());
  const Trial trial = runner.run(tactics[0], Effort::full, Deadline::in(10));
  CHECK_MESSAGE(trial.correct(), trial.why);
  CHECK(runner.vendor().best_us > 0);
}
