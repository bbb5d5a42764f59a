// Numeric policies in whole calls.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "ak/ak.h"
#include "ak/ak.hpp"
#include "context/context.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "families/family.hpp"
#include "families/order.hpp"
#include "layer.hpp"
#include "plan/resources.hpp"
#include "settings.hpp"

namespace {

Options options(Mode mode, Numerics numerics) {
  Options o;
  o.cache_dir = "", o.shipped = false, o.isolation = Isolation::in_process, o.max_trials = 6, o.budget_s = 2;
  o.mode = mode, o.numerics = numerics;
  return o;
}

std::string refusal(const Options& options) {
  try {
    const Context context(options);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("numerics: a policy is served by own kernels of one order alone") {
  fake::reset();
  OwnContext own;
  const ConstMatrix x{Layer::memory(0), 4, 1000, 1000, DType::bf16, Order::row},
      w{Layer::memory(1), 1000, 256, 1000, DType::bf16, Order::col};
  const Matrix y{const_cast<void*>(Layer::memory(2)), 4, 256, 256, DType::bf16, Order::row};
  for (const Numerics numerics : {Numerics::deterministic, Numerics::batch_invariant})
    for (const Mode mode : {Mode::tune, Mode::hit, Mode::background}) {
      CAPTURE(static_cast<int>(numerics));
      CAPTURE(static_cast<int>(mode));
      Context context(options(mode, numerics));
      fake::products(), fake::asked(), fake::forget();
      for (int i = 0; i < 2; ++i) context.matmul_act(nullptr, x, w, y);
      const Explanation e = context.explain(x, w, y);
      CHECK(e.problem.ends_with(numerics == Numerics::deterministic ? " deterministic" : " batch_invariant"));
      const Problem problem = parse_problem(e.problem);
      CHECK(problem.numerics == numerics);
      const Tactic served = parse_tactic(e.served_by);
      CHECK(family(served.family).order(problem, served) == policy_order(problem, resources().facts()));
      CHECK(e.vendor_us == 0);
      CHECK(fake::products().empty());
      CHECK(fake::asked().empty());
      CHECK(fake::launches().back().own);
      Plan plan = context.plan(x, w, y);
      plan(nullptr, x, w, y);
      CHECK(plan.explain().problem == e.problem);
      CHECK(fake::products().empty());
    }
  own.end();
  CHECK(fake::misuses().empty());
}

TEST_CASE(
    "numerics: a policy is another problem in the store, and a capture that meets an unknown one says why nothing serves") {
  fake::reset();
  OwnContext own;
  const ConstMatrix x{Layer::memory(0), 4, 512, 512, DType::bf16, Order::row},
      w{Layer::memory(1), 512, 256, 512, DType::bf16, Order::col};
  const Matrix y{const_cast<void*>(Layer::memory(2)), 4, 256, 256, DType::bf16, Order::row};
  {
    Context fast(options(Mode::tune, Numerics::fast)), strict(options(Mode::hit, Numerics::deterministic));
    fast.prepare(x, w, y);
    CHECK(strict.explain(x, w, y).source == "none");
    const OwnedStream stream = OwnedStream::make();
    CUgraph graph = nullptr;
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    std::string why;
    try {
      strict.matmul_act(stream.get(), x, w, y);
    } catch (const Error& error) {
      why = error.what();
    }
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    CHECK(why.find("numerics=deterministic leaves cuBLASLt out") != std::string::npos);
    strict.matmul_act(stream.get(), x, w, y);  // and now it is known
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    CHECK_NOTHROW(strict.matmul_act(stream.get(), x, w, y));
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
  }
  own.end();
}

TEST_CASE("numerics: an unknown policy, and one that the mode cannot keep, are refused by name, in C too") {
  ::setenv("AK_NUMERICS", "exact", 1);
  Options none;
  none.cache_dir = "";
  CHECK(refusal(none) == "AK_NUMERICS='exact': expected one of fast, deterministic, batch_invariant");
  ::unsetenv("AK_NUMERICS");
  CHECK(refusal(options(Mode::tune, static_cast<Numerics>(7))).find("option numerics='7': ") == 0);
  CHECK(refusal(options(Mode::off, Numerics::deterministic)).find("option numerics='deterministic': mode off") == 0);
  ak_options in_c = AK_OPTIONS_INIT;
  in_c.cache_dir = "", in_c.numerics = static_cast<ak_numerics>(9);
  ak_context* context = nullptr;
  CHECK(ak_context_create(&in_c, &context) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "options.numerics: 9 is not a numeric policy");
  in_c.numerics = ak_numerics_batch_invariant;
  CHECK(ak_context_create(&in_c, &context) == ak_status_ok);
  ak_context_destroy(context);
}

TEST_CASE("numerics: a call may name a policy of its own, beside calls of its context's; a plan keeps its own") {
  fake::reset();
  OwnContext own;
  const ConstMatrix x{Layer::memory(0), 4, 768, 768, DType::bf16, Order::row},
      w{Layer::memory(1), 768, 256, 768, DType::bf16, Order::col};
  const Matrix y{const_cast<void*>(Layer::memory(2)), 4, 256, 256, DType::bf16, Order::row};
  Epilogue plain, strict, fast;
  strict.numerics = Numerics::batch_invariant, fast.numerics = Numerics::fast;
  {
    Context context(options(Mode::tune, Numerics::fast));
    context.matmul_act(nullptr, x, w, y);
    context.matmul_act(nullptr, x, w, y, fast);  // the same problem
    CHECK(context.counters().searches == 1);
    context.matmul_act(nullptr, x, w, y, strict);
    CHECK(context.counters().searches == 2);
    CHECK(context.explain(x, w, y, strict).problem.ends_with(" batch_invariant"));
    CHECK(context.explain(x, w, y, strict).vendor_us == 0);
    CHECK_FALSE(context.explain(x, w, y, plain).problem.ends_with("invariant"));
    CHECK(context.prepare({{x, w, y, strict}, {x, w, y, plain}})[0].problem.ends_with(" batch_invariant"));
    Plan plan = context.plan(x, w, y, strict);
    plan(nullptr, x, w, y, strict), plan(nullptr, x, w, y);  // unnamed: the plan's own
    CHECK(plan.explain().problem.ends_with(" batch_invariant"));
    CHECK(has(error_of([&] { plan(nullptr, x, w, y, fast); }), "plan: made for 4x256x768"));
    strict.numerics = static_cast<Numerics>(7);
    CHECK(error_of([&] { context.matmul_act(nullptr, x, w, y, strict); }) == "epilogue.numerics: 7 is not a numeric policy");
    CHECK(has(error_of([&] { context.plan(x, w, y, strict); }), "epilogue.numerics: 7"));
  }
  {
    Context context(options(Mode::tune, Numerics::deterministic));
    CHECK(context.prepare(x, w, y, fast).problem.find("deterministic") == std::string::npos);
    CHECK(context.prepare(x, w, y).problem.ends_with(" deterministic"));
  }
  {
    Context context(options(Mode::off, Numerics::fast));
    strict.numerics = Numerics::deterministic;
    context.matmul_act(nullptr, x, w, y, fast);
    CHECK(error_of([&] { context.matmul_act(nullptr, x, w, y, strict); }) ==
          "epilogue.numerics: mode is off: cuBLASLt serves everything, which no order of summation is known of");
  }
  ak_options in_c = AK_OPTIONS_INIT;
  in_c.cache_dir = "", in_c.mode = ak_mode_hit, in_c.shipped = -1, in_c.isolation = ak_isolation_in_process;
  ak_context* context = nullptr;
  REQUIRE(ak_context_create(&in_c, &context) == ak_status_ok);
  ak_const_matrix a = AK_CONST_MATRIX_INIT, b = AK_CONST_MATRIX_INIT;
  ak_matrix d = AK_MATRIX_INIT;
  a.rows = d.rows = 4, a.cols = a.ld = b.rows = b.ld = 768, b.cols = d.cols = d.ld = 256, b.order = ak_order_col;
  ak_epilogue epilogue = AK_EPILOGUE_INIT;
  ak_explanation told = AK_EXPLANATION_INIT;
  epilogue.numerics = ak_numerics_deterministic;
  CHECK(ak_explain(context, &a, &b, &d, &epilogue, &told) == ak_status_ok);
  CHECK(std::string(told.problem).ends_with(" deterministic"));
  epilogue.size = offsetof(ak_epilogue, numerics);  // a caller's from before it
  CHECK(ak_explain(context, &a, &b, &d, &epilogue, &told) == ak_status_ok);
  CHECK_FALSE(std::string(told.problem).ends_with(" deterministic"));
  epilogue.size = sizeof epilogue, epilogue.numerics = 9;
  CHECK(ak_explain(context, &a, &b, &d, &epilogue, &told) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "epilogue.numerics: 9 is not a numeric policy");
  ak_context_destroy(context);
  own.end();
}
