// What a hot call asks of the driver: so much, whatever its form.
#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "ak/ak.h"
#include "ak/ak.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "layer.hpp"
#include "plan/tensor_maps.hpp"
#include "quick_driver.hpp"
#include "tests/allocations.hpp"
#include "tests/gpu/lock_count.hpp"

using namespace ak;

namespace {

using Asked = std::map<std::string, int>;

Asked asked(const std::function<void()>& call) {
  fake::forget();
  call();
  Asked all;
  for (const fake::Call& each : fake::calls()) ++all[each.name];
  return all;
}

// A layer's call in every form, on a stream of its own.
struct Forms {
  explicit Forms(Layer& layer)
      : layer(layer), context(layer.options), plan(context.plan(layer.x, layer.w, layer.y, layer.epilogue)) {
    const auto matrix = [](auto& to, const auto& from) {
      to.data = from.data, to.rows = from.rows, to.cols = from.cols, to.ld = from.ld;
      to.dtype = static_cast<ak_dtype>(from.dtype), to.order = static_cast<ak_order>(from.order);
    };
    matrix(x, layer.x), matrix(w, layer.w), matrix(y, layer.y);
    epilogue.activation = static_cast<ak_activation>(layer.epilogue.activation);
    ak_options options = AK_OPTIONS_INIT;
    options.cache_dir = layer.folder.c_str(), options.shipped = -1, options.worker = "/nowhere/ak-worker";
    REQUIRE(ak_context_create(&options, &c_context) == ak_status_ok);
    REQUIRE(ak_plan_create(c_context, &x, &w, &y, &epilogue, &c_plan) == ak_status_ok);
  }
  ~Forms() { ak_plan_destroy(c_plan), ak_context_destroy(c_context); }

  void one_line() { context.matmul_act(stream.get(), layer.x, layer.w, layer.y, layer.epilogue); }
  void by_plan(Workspace workspace = {}) { plan(stream.get(), layer.x, layer.w, layer.y, layer.epilogue, workspace); }
  void in_c() { CHECK(ak_matmul_act(c_context, stream.get(), &x, &w, &y, &epilogue) == ak_status_ok); }
  void by_c_plan() { CHECK(ak_plan_call(c_plan, stream.get(), &x, &w, &y, &epilogue, nullptr, 0) == ak_status_ok); }

  Layer& layer;
  OwnedStream stream = OwnedStream::make();
  Context context;
  Plan plan;
  ak_const_matrix x = AK_CONST_MATRIX_INIT, w = AK_CONST_MATRIX_INIT;
  ak_matrix y = AK_MATRIX_INIT;
  ak_epilogue epilogue = AK_EPILOGUE_INIT;
  ak_context* c_context = nullptr;
  ak_plan* c_plan = nullptr;
};

}  // namespace

TEST_CASE("hot call: one launch, one question of the context where no plan knows it; no map of what stays") {
  for (const bool maps : {true, false}) {
    CAPTURE(maps);
    Layer layer(
        [&](const Geometry& g) { return g.map_count == 4 * maps && g.workspace_bytes == 0; });
    Forms forms(layer);
    forms.one_line(), forms.by_plan(), forms.in_c(), forms.by_c_plan();
    const Asked with_context{{"cuCtxGetId", 1}, {"cuLaunchKernelEx", 1}}, launch{{"cuLaunchKernelEx", 1}};
    for (int i = 0; i < 3; ++i) {
      CHECK(asked([&] { forms.one_line(); }) == with_context);
      CHECK(asked([&] { forms.in_c(); }) == with_context);
      CHECK(asked([&] { forms.by_plan(); }) == launch);
      CHECK(asked([&] { forms.by_c_plan(); }) == launch);
    }
  }
}

TEST_CASE("hot call: no allocation, no lock") {
  for (const bool scratch : {false, true}) {
    CAPTURE(scratch);
    Layer layer([&](const Geometry& g) { return (g.workspace_bytes > 0) == scratch && (scratch || g.map_count == 4); });
    Forms forms(layer);
    const auto all = [&] { forms.one_line(), forms.by_plan(), forms.in_c(), forms.by_c_plan(); };
    all();
    const QuickDriver quick(forms.stream.get());
    const auto allocations_before = allocations(), locks_before = locks();
    for (int i = 0; i < 10; ++i) all();
    const auto allocated = allocations() - allocations_before, locked = locks() - locks_before;
    CHECK(allocated == 0);
    CHECK(locked == 0);
    CHECK(quick.asked() == (scratch ? "20 cuCtxGetId, 40 cuStreamGetCaptureInfo, 40 cuStreamGetId, 40 cuLaunchKernelEx"
                                    : "20 cuCtxGetId, 40 cuLaunchKernelEx"));
  }
#ifndef __SANITIZE_THREAD__
  // What a plan is looked up for is no hot call.
  Layer layer(any);
  Forms forms(layer);
  const auto locks_before = locks();
  forms.context.explain(layer.x, layer.w, layer.y, layer.epilogue);
  CHECK(locks() > locks_before);
#endif
}

TEST_CASE("hot call: scratch memory costs two questions to the stream, and none where it is the caller's") {
  Layer layer([](const Geometry& g) { return g.workspace_bytes > 0; });
  Forms forms(layer);
  forms.one_line(), forms.by_plan(), forms.in_c(), forms.by_c_plan();
  const Asked on_stream{{"cuStreamGetCaptureInfo", 1}, {"cuStreamGetId", 1}, {"cuLaunchKernelEx", 1}};
  Asked with_context = on_stream;
  with_context["cuCtxGetId"] = 1;
  CHECK(asked([&] { forms.one_line(); }) == with_context);
  CHECK(asked([&] { forms.in_c(); }) == with_context);
  CHECK(asked([&] { forms.by_plan(); }) == on_stream);
  CHECK(asked([&] { forms.by_c_plan(); }) == on_stream);
  const Workspace own{const_cast<void*>(Layer::memory(4)), layer.geometry.workspace_bytes};
  CHECK(asked([&] { forms.by_plan(own); }) == Asked{{"cuLaunchKernelEx", 1}});
}

TEST_CASE("hot call: of operands that come in turn none is encoded twice; of others each that is new") {
  Layer layer([](const Geometry& g) { return g.map_count == 4 && g.workspace_bytes == 0; });
  Forms forms(layer);
  const void* const places[] = {Layer::memory(0), Layer::memory(5)};
  const auto encodes = [&](const std::function<void()>& call) { return asked(call)["cuTensorMapEncodeTiled"]; };
  for (const bool one_line : {true, false}) {
    CAPTURE(one_line);
    const auto call = [&] { one_line ? forms.one_line() : forms.by_plan(); };
    for (int i = 0; i < 2; ++i) layer.x.data = places[i], call();
    for (int i = 0; i < 6; ++i) {
      layer.x.data = places[i % 2];
      CHECK(encodes(call) == 0);
      CHECK(fake::launches().back().args.a == places[i % 2]);
    }
  }
  layer.x.data = Layer::memory(7);
  CHECK(encodes([&] { forms.one_line(); }) == 1);
  layer.x.data = Layer::memory(8), layer.w.data = Layer::memory(9), layer.y.data = const_cast<void*>(Layer::memory(10));
  CHECK(encodes([&] { forms.by_plan(); }) == 3);
  CHECK(encodes([&] { forms.one_line(); }) == 0);
  // Another leading dimension is another map, as is another number of rows.
  layer.x.ld = 4096 + 64;
  CHECK(encodes([&] { forms.one_line(); }) == 1);
  layer.x.rows = layer.y.rows = 48;
  forms.one_line();
  const auto launch = fake::launches().back();
  CHECK(launch.args.m == 48);
  CHECK(encodes([&] { forms.one_line(); }) == 0);
  layer.x.rows = layer.y.rows = 64;
  forms.one_line();
  CHECK(encodes([&] { forms.one_line(); }) == 0);
}

TEST_CASE("hot call: a map that the driver refused is encoded anew") {
  Layer layer([](const Geometry& g) { return g.map_count == 4 && g.workspace_bytes == 0; });
  Forms forms(layer);
  forms.one_line();
  layer.x.data = Layer::memory(11);
  fake::fail("cuTensorMapEncodeTiled", CUDA_ERROR_INVALID_VALUE);
  CHECK_THROWS_AS(forms.one_line(), Error);
  CHECK(asked([&] { forms.one_line(); })["cuTensorMapEncodeTiled"] == 1);
  CHECK(asked([&] { forms.one_line(); })["cuTensorMapEncodeTiled"] == 0);
}

TEST_CASE("hot call: each thread has maps of its own, and its last call may come when they are gone") {
  Layer layer([](const Geometry& g) { return g.map_count == 4 && g.workspace_bytes == 0; });
  Forms forms(layer);
  forms.one_line();
  const CUcontext context = layer.own->handle;
  struct Last {
    std::function<void()> call;
    ~Last() {
      if (call) call();
    }
  };
  std::size_t allocated = 0;
  int first = -1, second = -1, at_end = -1;
  bool gone = false;
  std::thread([&] {
    driver().cuCtxSetCurrent(context);
    thread_local Last last;  // destroyed after what calls make, before what the fake driver has
    last.call = [&] {
      gone = !TensorMaps::of_thread();  // doctest's own are gone too: nothing is checked here
      at_end = asked([&] { forms.one_line(); })["cuTensorMapEncodeTiled"];
    };
    first = asked([&] { forms.one_line(); })["cuTensorMapEncodeTiled"];
    second = asked([&] { forms.one_line(); })["cuTensorMapEncodeTiled"];
    const auto before = allocations();
    for (int i = 0; i < 10; ++i) TensorMaps::of_thread();
    allocated = allocations() - before;
  }).join();
  CHECK(first == 3);
  CHECK(second == 0);
  CHECK(gone);
  CHECK(at_end == 3);
  CHECK(allocated == 0);
}

TEST_CASE("hot call: threads that call at once, each with operands of its own") {
  Layer layer([](const Geometry& g) { return g.map_count == 4 && g.workspace_bytes == 0; });
  Forms forms(layer);
  forms.one_line();
  fake::forget();
  constexpr int kThreads = 4, kCalls = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      driver().cuCtxSetCurrent(layer.own->handle);
      ConstMatrix x = layer.x;
      for (int i = 0; i < kCalls; ++i) {
        x.data = Layer::memory(20 + t, 4096 * (i % 2));
        forms.context.matmul_act(nullptr, x, layer.w, layer.y, layer.epilogue);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(fake::launches().size() == kThreads * kCalls);
  CHECK(fake::count("cuTensorMapEncodeTiled") == 4 * kThreads);  // of two x, w and y
}
