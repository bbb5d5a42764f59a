// Two GPUs of one host, and a CUDA context that is not the primary one. Each case says so where there is one GPU alone.
#include <doctest/doctest.h>

#include <array>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "base/library.hpp"
#include "device_matrix.hpp"
#include "gpu/device.hpp"

using namespace ak;
using test::DeviceMatrix;

namespace {

int gpus() {
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "counting GPUs");
  return count;
}

// In the context that is current.
struct Layer {
  Layer() { x.random(1, 0.3), w.random(2); }
  ConstMatrix a() const { return {x.data(), 64, 1024, 1024, DType::bf16, Order::row}; }
  ConstMatrix b() const { return {w.data(), 1024, 512, 1024, DType::bf16, Order::col}; }
  Matrix d() const { return {y.data(), 64, 512, 512, DType::bf16, Order::row}; }
  void check_result() {
    y.download();
    for (const int r : {0, 13, 63})
      for (const int c : {0, 77, 511}) {
        double sum = 0;
        for (int k = 0; k < 1024; ++k) sum += x.at(r, k) * w.at(c, k);
        CHECK(y.at(r, c) == doctest::Approx(std::max(0.0, sum)).epsilon(0.02));
      }
  }
  DeviceMatrix x{64, 1024, DType::bf16}, w{512, 1024, DType::bf16}, y{64, 512, DType::bf16};
};

Options options() {
  Options o;
  o.cache_dir = "", o.shipped = false, o.budget_s = 2;
  return o;
}

Epilogue relu() {
  Epilogue e;
  e.activation = Activation::relu;
  return e;
}

}  // namespace

TEST_CASE("devices: two GPUs search at once and serve each other's like; another GPU current is no harm") {
  if (gpus() < 2) {
    MESSAGE("skipped: one GPU");
    return;
  }
  Context context(options());
  std::array<Explanation, 2> found;
  std::vector<std::thread> threads;
  for (int gpu = 0; gpu < 2; ++gpu)
    threads.emplace_back([&, gpu] {
      CUcontext primary = nullptr;
      check(driver().cuDevicePrimaryCtxRetain(&primary, gpu), "retaining");
      const ContextScope scope(primary);
      Layer layer;
      for (int i = 0; i < 3; ++i) context.matmul_act(nullptr, layer.a(), layer.b(), layer.d(), relu());
      check(driver().cuStreamSynchronize(nullptr), "waiting");
      layer.check_result();
      found[static_cast<std::size_t>(gpu)] = context.explain(layer.a(), layer.b(), layer.d(), relu());
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(found[0].served_by == found[1].served_by);  // one cache, one winner

  std::array<CUcontext, 2> primaries{};
  for (int gpu = 0; gpu < 2; ++gpu)
    check(driver().cuDevicePrimaryCtxRetain(&primaries[static_cast<std::size_t>(gpu)], gpu), "retaining");
  const ContextScope first(primaries[0]);
  Layer here;
  Plan plan = context.plan(here.a(), here.b(), here.d(), relu());
  OwnedStream stream = OwnedStream::make();
  {
    const ContextScope second(primaries[1]);
    const OwnedStream other = OwnedStream::make();
    CHECK_THROWS_AS(context.matmul_act(stream.get(), here.a(), here.b(), here.d(), relu()), Error);
    CHECK_THROWS_AS(plan(other.get(), here.a(), here.b(), here.d(), relu()), Error);
    plan(stream.get(), here.a(), here.b(), here.d(), relu());
  }
  stream.synchronize();
  here.check_result();
}

TEST_CASE("devices: a context that is not the primary one is served, with memory and kernels of its own") {
  CUcontext primary = nullptr, own = nullptr;
  check(driver().cuDevicePrimaryCtxRetain(&primary, 0), "retaining");
  const ContextScope scope(primary);
  const SharedLibrary cuda("libcuda", {"libcuda.so.1"});
  CUresult (*create)(CUcontext*, unsigned, CUdevice) = nullptr;
  CUresult (*destroy)(CUcontext) = nullptr;
  cuda.bind(create, "cuCtxCreate_v2");
  cuda.bind(destroy, "cuCtxDestroy_v2");
  check(create(&own, 0, 0), "creating a context");
  {
    Context context(options());
    Layer layer;
    context.matmul_act(nullptr, layer.a(), layer.b(), layer.d(), relu());
    check(driver().cuStreamSynchronize(nullptr), "waiting");
    layer.check_result();
  }
  CUcontext popped = nullptr;
  check(driver().cuCtxPopCurrent(&popped), "leaving");
  check(destroy(own), "ending a context");
}
