// Several GPUs, and several contexts of one.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "context/context.hpp"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "layer.hpp"

namespace {

CUcontext current() {
  CUcontext context = nullptr;
  check(driver().cuCtxGetCurrent(&context), "asking");
  return context;
}

bool scratch(const Geometry& g) { return g.workspace_bytes > 0; }

}  // namespace

TEST_CASE("devices: a context serves every GPU and CUDA context, each with kernels and memory of its own") {
  Layer layer(scratch);
  fake::devices(2);
  const CUcontext on_second = fake::make_context(1), another = fake::make_context(1);
  {
    Context context(layer.options);
    const CUcontext places[] = {current(), on_second, another};
    std::vector<void*> workspaces;
    for (const CUcontext place : places) {
      const ContextScope scope(place);
      const OwnedStream stream = OwnedStream::make();
      const std::int64_t before = fake::allocated(place == places[0] ? 0 : 1);
      fake::forget();
      for (int i = 0; i < 2; ++i) context.matmul_act(stream.get(), layer.x, layer.w, layer.y, layer.epilogue);
      CHECK(fake::count("cuModuleLoadData") == 1);  // a module is of one context
      REQUIRE(fake::launches().size() == 2);
      workspaces.push_back(fake::launches()[0].args.workspace);
      CHECK(fake::launches()[1].args.workspace == workspaces.back());
      CHECK(fake::allocated(place == places[0] ? 0 : 1) > before);
      CHECK(current() == place);
    }
    CHECK(workspaces[0] != workspaces[1]);
    CHECK(workspaces[1] != workspaces[2]);
    CHECK(context.counters().store_hits == 3);  // one cache
    CHECK(context.counters().searches == 0);
    // In any order, what each has is found again.
    for (const int i : {2, 0, 1, 0}) {
      const ContextScope scope(places[i]);
      fake::forget();
      context.matmul_act(nullptr, layer.x, layer.w, layer.y, layer.epilogue);
      CHECK(fake::count("cuModuleLoadData") == 0);
      CHECK(fake::launches().size() == 1);
    }
  }
  fake::end_context(on_second), fake::end_context(another);
}

TEST_CASE("devices: a stream of another GPU than the current one is refused by name, hot and cold") {
  Layer layer(any);
  fake::devices(2);
  const CUcontext second = fake::make_context(1);
  {
    Context context(layer.options);
    OwnedStream other;
    {
      const ContextScope there(second);
      other = OwnedStream::make();
    }
    const auto call = [&](Stream stream) { context.matmul_act(stream, layer.x, layer.w, layer.y, layer.epilogue); };
    CHECK(has(error_of([&] { call(other.get()); }), "stream: belongs to another CUDA context than the one that is current"));
    call(nullptr);
    CHECK(has(error_of([&] { call(other.get()); }), "stream: belongs to another CUDA context than the one that is current"));
    const ContextScope there(second);
    call(other.get());
    CHECK(fake::launches().back().stream == other.get());
  }
  fake::end_context(second);
}

TEST_CASE("devices: a plan of one GPU is refused by name where another is current, or does its work where its stream is") {
  Layer layer(any);
  fake::devices(2);
  const CUcontext first = current(), second = fake::make_context(1);
  for (const Mode mode : {Mode::hit, Mode::off}) {
    CAPTURE(static_cast<int>(mode));
    layer.options.mode = mode;
    Context context(layer.options);
    Plan plan = context.plan(layer.x, layer.w, layer.y, layer.epilogue);
    const OwnedStream here = OwnedStream::make();
    CUcontext multiplied = nullptr;
    fake::multiply([&](const fake::Product&) { multiplied = current(); });
    const auto on = [&](Stream stream) { plan(stream, layer.x, layer.w, layer.y, layer.epilogue); };
    on(nullptr);
    {
      const ContextScope there(second);
      const OwnedStream other = OwnedStream::make();
      CHECK(has(error_of([&] { on(nullptr); }), "stream: the default stream of another CUDA context than the plan's"));
      CHECK(has(error_of([&] { on(other.get()); }), "stream: belongs to another CUDA context"));
      multiplied = nullptr;
      on(here.get());
      if (mode == Mode::off) CHECK(multiplied == first);
      CHECK(current() == second);
    }
    fake::multiply({});
  }
  fake::end_context(second);
}

TEST_CASE("devices: two GPUs search at once, each on its own thread, and leave one record") {
  fake::reset();
  fake::devices(2);
  std::array<CUcontext, 2> contexts{fake::make_context(0), fake::make_context(1)};
  std::atomic<int> searching{0};
  std::atomic<bool> together{false};
  Options options;
  options.cache_dir = "", options.shipped = false, options.isolation = Isolation::in_process, options.max_trials = 4;
  options.budget_s = 10;
  thread_local bool mine = false;
  options.progress = [&](const TuneProgress&) {
    if (std::exchange(mine, true)) return;
    if (++searching == 2) together = true;
    for (int i = 0; i < 5000 && !together; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  {
    Context context(options);
    std::array<Explanation, 2> found;
    std::vector<std::thread> callers;
    for (int i = 0; i < 2; ++i)
      callers.emplace_back([&, i] {
        const ContextScope scope(contexts[static_cast<std::size_t>(i)]);
        // Problems of their own: of one, the second would wait for the first one's record.
        const ConstMatrix x{nullptr, 64, 256, 256, DType::bf16, Order::row},
            w{nullptr, 256, 256 << i, 256, DType::bf16, Order::col};
        found[static_cast<std::size_t>(i)] = context.prepare(x, w, {nullptr, 64, 256 << i, 256 << i, DType::bf16, Order::row});
      });
    for (std::thread& caller : callers) caller.join();
    CHECK(together);
    for (const Explanation& e : found) CHECK_MESSAGE(e.source == "this process", e.note);
    CHECK(context.counters().searches == 2);
    // What one GPU found is a hit for its like.
    const ContextScope scope(contexts[0]);
    const ConstMatrix x{Layer::memory(0), 64, 256, 256, DType::bf16, Order::row},
        w{Layer::memory(1), 256, 512, 256, DType::bf16, Order::col};
    context.matmul_act(nullptr, x, w, {const_cast<void*>(Layer::memory(2)), 64, 512, 512, DType::bf16, Order::row});
    CHECK(context.counters().store_hits == 1);
    CHECK(context.counters().searches == 2);
  }
  for (const CUcontext context : contexts) fake::end_context(context);
  CHECK(fake::misuses().empty());
}

TEST_CASE("devices: with no context current, the primary context of the first GPU serves") {
  fake::reset();
  fake::devices(2);
  Options options;
  options.cache_dir = "", options.mode = Mode::off;
  std::thread([&] {
    Context context(options);
    const ConstMatrix x{Layer::memory(0), 64, 256, 256, DType::bf16, Order::row},
        w{Layer::memory(1), 256, 256, 256, DType::bf16, Order::col};
    context.matmul_act(nullptr, x, w, {const_cast<void*>(Layer::memory(2)), 64, 256, 256, DType::bf16, Order::row});
    CUdevice device = -1;
    CHECK(driver().cuCtxGetDevice(&device) == CUDA_SUCCESS);
    CHECK(device == 0);
  }).join();
}
