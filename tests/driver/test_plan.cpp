// ak::Plan: a problem bound to what serves it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "ak/ak.h"
#include "ak/ak.hpp"
#include "context/context.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "layer.hpp"

using namespace ak;

TEST_CASE("plan: a call launches, and asks the driver for nothing else; maps of what stays are not made again") {
  Layer layer([](const Geometry& g) { return g.map_count > 0 && g.workspace_bytes == 0; });
  Context context(layer.options);
  Plan plan = context.plan(layer.x, layer.w, layer.y, layer.epilogue);
  CHECK(plan.explain().source == "store");
  CHECK(plan.workspace_bytes() == 0);
  plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue);
  const auto recorded = [&](auto&& call) {
    fake::forget();
    call();
    std::vector<std::string> names;
    for (const fake::Call& each : fake::calls()) names.push_back(each.name);
    return names;
  };
  CHECK(recorded([&] { plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue); }) ==
        std::vector<std::string>{"cuLaunchKernelEx"});
  layer.x.data = Layer::memory(3);
  CHECK(recorded([&] { plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue); }) ==
        std::vector<std::string>{"cuTensorMapEncodeTiled", "cuLaunchKernelEx"});
  Plan copy = plan;
  CHECK(recorded([&] { copy(nullptr, layer.x, layer.w, layer.y, layer.epilogue); }) ==
        std::vector<std::string>{"cuLaunchKernelEx"});
  CHECK(fake::launches().back().args.a == layer.x.data);
  CHECK(plan.epoch() == 0);
  CHECK(context.epoch() == 0);
}

TEST_CASE("plan: another problem, a context that has ended, another CUDA context") {
  Layer layer(any);
  auto context = std::make_unique<Context>(layer.options);
  Plan plan = context->plan(layer.x, layer.w, layer.y, layer.epilogue);
  const auto call = [&] { plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue); };
  layer.x.rows = layer.y.rows = 32;
  CHECK(has(error_of(call), "plan: made for 64x4096x4096"));
  CHECK(has(error_of(call), "of the bucket m=33 to 64, called for 32x4096x4096"));
  layer.x.rows = layer.y.rows = 0;
  CHECK(has(error_of(call), "called for a D without elements"));
  layer.x.rows = layer.y.rows = 64;
  layer.epilogue.activation = Activation::silu;
  CHECK(has(error_of(call), "called for 64x4096x4096 bf16 a=k b=k out=bf16 align=16,16,16,16 silu"));
  layer.epilogue.activation = Activation::relu;
  layer.x.data = Layer::memory(0, 2);
  CHECK(has(error_of(call), "align=2,16,16,16"));
  layer.x.data = Layer::memory(0);
  layer.w.data = nullptr;
  CHECK(has(error_of(call), "b: data is null"));
  layer.w.data = Layer::memory(1);
  call();
  const CUcontext second = fake::make_context();
  {
    const OwnedStream here = OwnedStream::make();
    const ContextScope there(second);
    const OwnedStream other = OwnedStream::make();
    CHECK(has(error_of(call), "stream: the default stream of another CUDA context"));
    const auto on = [&](CUstream stream) { plan(stream, layer.x, layer.w, layer.y, layer.epilogue); };
    CHECK(has(error_of([&] { on(other.get()); }), "stream: belongs to another CUDA context"));
    on(here.get());
  }
  fake::end_context(second);
  Plan moved = std::move(plan);
  CHECK(error_of(call) == "plan: it was moved from");
  plan = moved;
  call();
  context.reset();
  CHECK(error_of(call) == "plan: its context has ended");
  CHECK(error_of([&] { plan.explain(); }) == "plan: its context has ended");
  Context other(layer.options);
  plan = other.plan(layer.x, layer.w, layer.y, layer.epilogue);
  call();
  CHECK(has(error_of([&] { other.plan(layer.x, layer.w, {nullptr, 64, 0, 1, DType::bf16, Order::row}); }), "d: "));
}

TEST_CASE("plan: it serves its bucket, each m with a grid of its own; nothing is searched for, nothing compiled") {
  Layer layer([](const Geometry& g) { return g.map_count > 0 && g.workspace_bytes == 0; });
  Context context(layer.options);
  Plan plan = context.plan(layer.x, layer.w, layer.y, layer.epilogue);
  CHECK(plan.serves() == TokenRange{33, 64});
  const auto call = [&](std::int64_t m) {
    layer.x.rows = layer.y.rows = m;
    fake::forget();
    plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue);
    return fake::launches().back();
  };
  for (const std::int64_t m : {64, 33, 47, 64, 63}) {
    CAPTURE(m);
    CHECK(call(m).args.m == m);
    CHECK(plan.explain().bucket == TokenRange{33, 64});
    call(m);
    std::vector<std::string> names;
    for (const fake::Call& each : fake::calls()) names.push_back(each.name);
    CHECK(names == std::vector<std::string>{"cuLaunchKernelEx"});
  }
  layer.x.rows = layer.y.rows = 65;
  CHECK(has(error_of([&] { plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue); }),
            "of the bucket m=33 to 64, called for 65x"));
  // As a call without a plan has it.
  layer.x.rows = layer.y.rows = 40;
  context.matmul_act(nullptr, layer.x, layer.w, layer.y, layer.epilogue);
  CHECK(context.explain(layer.x, layer.w, layer.y, layer.epilogue).bucket == TokenRange{33, 64});
  CHECK(context.counters().searches == 0);
  CHECK(context.counters().compiles == 0);
  CHECK(context.counters().vendor_fallbacks == 0);
}

TEST_CASE("plan: the caller's scratch instead of the library's own") {
  Layer layer([](const Geometry& g) { return g.workspace_bytes > 0; });
  Context context(layer.options);
  Plan plan = context.plan(layer.x, layer.w, layer.y, layer.epilogue);
  const std::int64_t bytes = plan.workspace_bytes();
  CHECK(bytes == layer.geometry.workspace_bytes);
  char* const own = const_cast<char*>(static_cast<const char*>(Layer::memory(4)));
  const auto allocated = fake::allocated();
  const auto call = [&](void* data, std::int64_t size) {
    plan(nullptr, layer.x, layer.w, layer.y, layer.epilogue, {data, size});
  };
  call(own, bytes);
  CHECK(fake::launches().back().args.workspace == own);
  CHECK(fake::allocated() == allocated);
  CHECK(has(error_of([&] { call(own, bytes - 1); }), "workspace: " + std::to_string(bytes - 1) + " bytes"));
  CHECK(has(error_of([&] { call(own + 16, bytes); }), "is not aligned to 256 bytes"));
  call(nullptr, 0);
  CHECK(fake::launches().back().args.workspace != nullptr);
  CHECK(fake::allocated() > allocated);
}

TEST_CASE("plan: cuBLASLt's plans take the caller's scratch too") {
  fake::reset();
  OwnContext own;
  {
    Options options;
    options.cache_dir = "", options.mode = Mode::off;
    Context context(options);
    const ConstMatrix x{Layer::memory(0), 64, 4097, 4097, DType::bf16, Order::row},
        w{Layer::memory(1), 4097, 4097, 4097, DType::bf16, Order::col};
    const Matrix y{const_cast<void*>(Layer::memory(2)), 64, 4097, 4097, DType::bf16, Order::row};
    Plan plan = context.plan(x, w, y);
    const std::int64_t bytes = plan.workspace_bytes();
    REQUIRE(bytes > 0);
    const auto allocated = fake::allocated();
    plan(nullptr, x, w, y, {}, {const_cast<void*>(Layer::memory(4)), bytes});
    CHECK(fake::allocated() == allocated);
    CHECK(has(error_of([&] { plan(nullptr, x, w, y, {}, {const_cast<void*>(Layer::memory(4)), 256}); }), "are needed"));
  }
  own.end();
}

TEST_CASE("plan: in C") {
  Layer layer(any);
  ak_options options = AK_OPTIONS_INIT;
  options.cache_dir = layer.folder.c_str(), options.shipped = -1, options.worker = "/nowhere/ak-worker";
  ak_context* context = nullptr;
  REQUIRE(ak_context_create(&options, &context) == ak_status_ok);
  ak_const_matrix x = AK_CONST_MATRIX_INIT, w = AK_CONST_MATRIX_INIT;
  x.data = layer.x.data, x.rows = 64, x.cols = x.ld = 4096, x.dtype = ak_dtype_bf16;
  w.data = layer.w.data, w.rows = w.cols = w.ld = 4096, w.dtype = ak_dtype_bf16, w.order = ak_order_col;
  ak_matrix y = AK_MATRIX_INIT;
  y.data = layer.y.data, y.rows = 64, y.cols = y.ld = 4096, y.dtype = ak_dtype_bf16;
  ak_epilogue epilogue = AK_EPILOGUE_INIT;
  epilogue.activation = ak_activation_relu;
  ak_plan* plan = nullptr;
  REQUIRE(ak_plan_create(context, &x, &w, &y, &epilogue, &plan) == ak_status_ok);
  CHECK(ak_plan_call(plan, nullptr, &x, &w, &y, &epilogue, nullptr, 0) == ak_status_ok);
  CHECK(fake::launches().size() == 1);
  int64_t bytes = -1;
  CHECK(ak_plan_workspace_bytes(plan, &bytes) == ak_status_ok);
  CHECK(bytes == layer.geometry.workspace_bytes);
  int64_t from = -1, to = -1;
  CHECK(ak_plan_serves(plan, &from, &to) == ak_status_ok);
  CHECK(from == 33);
  CHECK(to == 64);
  x.rows = y.rows = 33;  // its first
  CHECK(ak_plan_call(plan, nullptr, &x, &w, &y, &epilogue, nullptr, 0) == ak_status_ok);
  CHECK(fake::launches().back().args.m == 33);
  x.rows = y.rows = 65;
  CHECK(ak_plan_call(plan, nullptr, &x, &w, &y, &epilogue, nullptr, 0) == ak_status_invalid_argument);
  CHECK(has(ak_last_error(), "of the bucket m=33 to 64, called for 65x4096x4096"));
  x.rows = y.rows = 64;
  CHECK(ak_plan_serves(plan, nullptr, &to) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "from: is null");
  CHECK(ak_plan_serves(plan, &from, nullptr) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "to: is null");
  CHECK(ak_plan_serves(nullptr, &from, &to) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "plan: is null");
  ak_explanation explanation = AK_EXPLANATION_INIT;
  CHECK(ak_plan_explain(plan, &explanation) == ak_status_ok);
  CHECK(explanation.served_by == to_string(layer.tactic));
  CHECK(std::string(explanation.source) == "store");
  CHECK(ak_plan_explain(nullptr, &explanation) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "plan: is null");
  CHECK(ak_plan_explain(plan, nullptr) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "explanation: is null");
  uint64_t epoch = 7;
  CHECK(ak_plan_epoch(plan, &epoch) == ak_status_ok);
  CHECK(epoch == 0);
  CHECK(ak_context_epoch(context, &epoch) == ak_status_ok);
  CHECK(ak_plan_create(context, &x, &w, &y, &epilogue, nullptr) == ak_status_invalid_argument);
  CHECK(ak_plan_call(nullptr, nullptr, &x, &w, &y, &epilogue, nullptr, 0) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "plan: is null");
  ak_context_destroy(context);
  CHECK(ak_plan_call(plan, nullptr, &x, &w, &y, &epilogue, nullptr, 0) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "plan: its context has ended");
  CHECK(ak_plan_serves(plan, &from, &to) == ak_status_invalid_argument);
  CHECK(ak_plan_explain(plan, &explanation) == ak_status_invalid_argument);
  ak_plan_destroy(plan);
  ak_plan_destroy(nullptr);
}
