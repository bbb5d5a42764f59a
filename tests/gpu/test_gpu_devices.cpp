// Two GPUs of one host, and a CUDA context that is not the primary one. Each case says so where there is one GPU alone.
#include <doctest/doctest.h>

#include <array>
#include <thread>
#include <vector>

#include "ak/ak.hpp"
#include "base/library.hpp"
#include "gpu/device.hpp"
#include "linear_layer.hpp"

using namespace ak;
using test::LinearLayer;

namespace {

int gpus() {
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "counting GPUs");
  return count;
}

Options two_seconds() {
  Options o;
  o.cache_dir = "", o.shipped = false, o.budget_s = 2;
  return o;
}

}  // namespace

TEST_CASE("devices: two GPUs search at once and serve each other's like; another GPU current is no harm") {
  if (gpus() < 2) {
    MESSAGE("skipped: one GPU");
    return;
  }
  Context context(two_seconds());
  std::array<Explanation, 2> found;
  std::vector<std::thread> threads;
  for (int gpu = 0; gpu < 2; ++gpu)
    threads.emplace_back([&, gpu] {
      CUcontext primary = nullptr;
      check(driver().cuDevicePrimaryCtxRetain(&primary, gpu), "retaining");
      const ContextScope scope(primary);
      LinearLayer layer(64, 512, 1024, Activation::relu);
      for (int i = 0; i < 3; ++i) layer.call(context, nullptr);
      check(driver().cuStreamSynchronize(nullptr), "waiting");
      CHECK(layer.right());
      found[static_cast<std::size_t>(gpu)] = layer.explain(context);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(found[0].served_by == found[1].served_by);  // one cache, one winner

  std::array<CUcontext, 2> primaries{};
  for (int gpu = 0; gpu < 2; ++gpu)
    check(driver().cuDevicePrimaryCtxRetain(&primaries[static_cast<std::size_t>(gpu)], gpu), "retaining");
  const ContextScope first(primaries[0]);
  LinearLayer here(64, 512, 1024, Activation::relu);
  Plan plan = context.plan(here.a(), here.b(), here.d(), here.epilogue);
  OwnedStream stream = OwnedStream::make();
  {
    const ContextScope second(primaries[1]);
    const OwnedStream other = OwnedStream::make();
    CHECK_THROWS_AS(here.call(context, stream.get()), Error);
    CHECK_THROWS_AS(here.call(plan, other.get()), Error);
    here.call(plan, stream.get());
  }
  stream.synchronize();
  CHECK(here.right());
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
    Context context(two_seconds());
    LinearLayer layer(64, 512, 1024, Activation::relu);
    layer.call(context, nullptr);
    check(driver().cuStreamSynchronize(nullptr), "waiting");
    CHECK(layer.right());
  }
  CUcontext popped = nullptr;
  check(driver().cuCtxPopCurrent(&popped), "leaving");
  check(destroy(own), "ending a context");
}
