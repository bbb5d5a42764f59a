// Where the arrays of a loop's call lie: what the driver is asked of it, and what a promise spares.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ak/loop.h"
#include "base/own_memory.hpp"
#include "base/sanitized.hpp"
#include "context/context.hpp"
#include "context/loop_state.hpp"
#include "gpu/device.hpp"
#include "loop_scene.hpp"
#include "plan/resources.hpp"
#include "port/cases/roles.hpp"
#include "port/timing.hpp"
#include "quick_driver.hpp"
#include "tests/allocations.hpp"
#include "tests/gpu/lock_count.hpp"

using namespace loop_scene;

namespace {

float static_x[1000], static_y[1000];

// A loop that the C function serves where the arrays lie on the host.
struct HostScene : Scene {
  explicit HostScene(const char* name) : Scene(name) {
    know(scale_function(), source());
    Winner winner = one_kernel();
    winner.sizes = {{1000, 0, 5, 1, 10, 10}};
    win(scale_function(), winner, {"scales"});
  }
};

const LoopPromise kHost{LoopResidency::host, false}, kDevice{LoopResidency::device, false};

// What each call asks beside where arrays lie: is the stream captured, has it work.
const std::string kOfStream = "1 cuStreamIsCapturing, 1 cuStreamQuery, 2 cuThreadExchangeStreamCaptureMode";
const std::string kNoArray = "1 cuCtxGetId, " + kOfStream, kTwoArrays = "1 cuCtxGetId, 2 cuPointerGetAttributes, " + kOfStream;

}  // namespace

TEST_CASE("loop residency: the driver is asked of arrays that are mapped, and of none that the process has in any case") {
  HostScene scene("loop_residency");
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host));
  const OwnedStream stream = OwnedStream::make(), capturing = OwnedStream::make();
  std::vector<float> heap_x(1000), heap_y(1000);
  float stack_x[1000], stack_y[1000];
  const Mapped mapped_x(1000), mapped_y(1000);
  const auto asked = [&](float* x, float* y, CUstream on) {
    std::fill_n(y, 1000, 3.f);
    for (int i = 0; i < 2; ++i) scale(on, 1000, 2.f, x, y);
    fake::forget();
    x[999] = 0;
    scaled_on_host = 0;
    scale(on, 1000, 2.f, x, y);
    CHECK(scaled_on_host == 1);
    CHECK(x[999] == 6);
    const std::string calls = driver_calls();
    const QuickDriver quick(stream.get());
    const auto allocations_before = allocations(), locks_before = locks();
    for (int i = 0; i < 10; ++i) scale(on, 1000, 2.f, x, y);
    const auto allocated = allocations() - allocations_before, locked = locks() - locks_before;
    CHECK(allocated == 0);
    CHECK(locked == 0);
    return calls;
  };
  for (const bool beside_a_capture : {false, true}) {
    CAPTURE(beside_a_capture);
    CUgraph graph = nullptr;
    if (beside_a_capture) check(driver().cuStreamBeginCapture(capturing.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    for (const CUstream on : {stream.get(), CUstream(nullptr)}) {
      if (!on && beside_a_capture) continue;
      CHECK(asked(heap_x.data(), heap_y.data(), on) == (kSanitized ? kTwoArrays : kNoArray));
      CHECK(asked(static_x, static_y, on) == kNoArray);
      CHECK(asked(stack_x, stack_y, on) == kNoArray);
      CHECK(asked(mapped_x.data(), mapped_y.data(), on) == kTwoArrays);
    }
    if (!beside_a_capture) continue;
    // In the capture itself it is refused, and the capture goes on.
    for (float* x : {static_x, stack_x, mapped_x.data()})
      CHECK_HAS(error_of([&] { scale(capturing.get(), 1000, 2.f, x, static_y); }), "host pointers in a stream capture");
    CHECK(driver().cuStreamEndCapture(capturing.get(), &graph) == CUDA_SUCCESS);
  }
}

TEST_CASE("loop residency: what is promised is not asked, and neither is the stream where nothing on it touches the arrays") {
  HostScene scene("loop_promise");
  Context::Impl context(scene.settings);
  const Mapped x(1000), y(1000, 3);
  const OwnedStream stream = OwnedStream::make();
  const auto asked = [&](LoopPromise promise, bool busy) {
    const Loop scale(context.loop(scene.source(), &scale_on_host, promise));
    for (int i = 0; i < 2; ++i) scale(stream.get(), 1000, 2.f, x.data(), y.data());
    fake::busy(stream.get(), busy);
    fake::forget();
    scaled_on_host = 0;
    scale(stream.get(), 1000, 2.f, x.data(), y.data());
    CHECK(scaled_on_host == 1);
    fake::busy(stream.get(), false);
    return driver_calls();
  };
  CHECK(asked({}, false) == kTwoArrays);
  CHECK(asked(kHost, false) == kNoArray);
  CHECK(asked({LoopResidency::ask, true}, false) == "1 cuCtxGetId, 2 cuPointerGetAttributes, 1 cuStreamIsCapturing");
  CHECK(asked({LoopResidency::host, true}, false) == "1 cuCtxGetId, 1 cuStreamIsCapturing");
  // What is on the stream comes first, if it is not promised that it does not matter.
  CHECK(asked(kHost, true).find("1 cuStreamSynchronize") != std::string::npos);
  CHECK(asked({LoopResidency::host, true}, true) == "1 cuCtxGetId, 1 cuStreamIsCapturing");

  // Other pointers of a kind of call that is known cost no more.
  const Loop scale(context.loop(scene.source(), &scale_on_host, {LoopResidency::host, true}));
  for (int i = 0; i < 3; ++i) scale(stream.get(), 400, 2.f, x.data() + i, y.data() + i);
  fake::forget();
  for (int i = 3; i < 13; ++i) scale(stream.get(), 400, 2.f, x.data() + i, y.data() + i);
  CHECK(driver_calls() == "10 cuCtxGetId, 10 cuStreamIsCapturing");
  CHECK(fake::launches().empty());
  scaled_on_host = 0;
  scale(stream.get(), 0, 2.f, x.data(), y.data());  // nothing says where no elements lie
  CHECK(scaled_on_host == 1);
}

TEST_CASE("loop residency: device pointers that are promised cost no question wherever they lie") {
  Scene scene("loop_promise_device");
  scene.win_scale();
  Array a(4000), b(4000, 1);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}, kDevice)), asks(context.loop(scene.source(), {}));
  for (const Loop* loop : {&scale, &asks}) {
    for (int i = 0; i < 2; ++i) (*loop)(nullptr, 300, 2.f, a.data() + 300 * i, b.data() + 300 * i);
    fake::forget();
    for (int i = 2; i < 10; ++i) (*loop)(nullptr, 300, 2.f, a.data() + 300 * i, b.data() + 300 * i);
    CHECK(fake::launches().size() == 8);
    CHECK(fake::count("cuPointerGetAttributes") == (loop == &scale ? 0 : 16));
  }
  CHECK(a.data()[2999] == 6000);
  // An overlap is another kind of call, as ever.
  CHECK(scale.explain(300, 2.f, a.data(), a.data() + 1).problem != scale.explain(300, 2.f, a.data(), b.data()).problem);
}

TEST_CASE("loop residency: the first call of a kind is held to what is promised, and names what breaks it") {
  HostScene scene("loop_promise_broken");
  Context::Impl context(scene.settings);
  Array a(1000), b(1000);
  const Mapped x(1000), y(1000, 3);
  const Loop host(context.loop(scene.source(), &scale_on_host, kHost));
  const Loop device(context.loop(scene.source(), &scale_on_host, kDevice));
  const auto refusal = [&](const Loop& loop, float* to, const float* from) {
    return error_of([&] { loop(nullptr, 1000, 2.f, to, from); });
  };
  CHECK(refusal(host, a.data(), y.data()) == "scale: a is a device pointer, and LoopOptions::residency promises host pointers");
  CHECK(refusal(host, x.data(), b.data()) == "scale: b is a device pointer, and LoopOptions::residency promises host pointers");
  CHECK(refusal(device, x.data(), b.data()) ==
        "scale: a is a host pointer, and LoopOptions::residency promises device pointers");
  CHECK(refusal(device, a.data(), static_y) ==
        "scale: b is a host pointer, and LoopOptions::residency promises device pointers");
  CHECK_HAS(error_of([&] { host.explain(1000, 2.f, a.data(), b.data()); }), "promises host pointers");
  CHECK(scaled_on_host == 0);
  CHECK(fake::launches().empty());
  CHECK_HAS(refusal(device, a.data() + 1, b.data()), "its memory ends after 999");
  // Managed memory is either's.
  fake::map(x.data(), 4000, true, true), fake::map(y.data(), 4000, true, true);
  CHECK(refusal(host, x.data(), y.data()) == "none");
  CHECK(scaled_on_host == 1);
  CHECK(refusal(device, x.data(), y.data()) == "none");
  CHECK(fake::launches().size() == 1);
  fake::map(x.data(), 4000, false), fake::map(y.data(), 4000, false);
}

TEST_CASE("loop residency: arrays that overlap on the host are looked at once") {
  HostScene scene("loop_overlap");
  loop::CallClass in_place;
  in_place.aliases = {{"b", "a", 0}};
  Winner winner = scene.one_kernel();
  winner.sizes = {{1000, 0, 5, 1, 10, 10}};
  scene.win(scale_function(), winner, {"scales"}, in_place);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host));
  const Mapped x(1000, 1);
  for (int i = 0; i < 2; ++i) scale(nullptr, 1000, 2.f, x.data(), x.data());
  fake::forget();
  scale(nullptr, 1000, 2.f, x.data(), x.data());
  CHECK(driver_calls() == kTwoArrays);
  CHECK(x[999] == 8);
  // What is mapped there later is seen.
  fake::map(x.data(), 4000, true);
  scale(nullptr, 1000, 2.f, x.data(), x.data());
  CHECK(scaled_on_host == 3);
  CHECK(fake::launches().size() == 1);
  fake::map(x.data(), 4000, false);
}

TEST_CASE("loop residency: promises in C; what is no residency is refused by its value") {
  HostScene scene("loop_promise_c");
  Options options;
  options.cache_dir = scene.settings.cache_dir, options.worker = "/nowhere/ak-worker", options.shipped = false;
  Context context(options);
  ak_loop_options more = AK_LOOP_OPTIONS_INIT;
  more.text = kText.c_str();
  more.host = [](void* const* v) {
    scale_on_host(*static_cast<int*>(v[0]), *static_cast<float*>(v[1]), *static_cast<float**>(v[2]),
                  *static_cast<const float**>(v[3]));
  };
  more.residency = ak_loop_residency_host, more.unordered = 1;
  ak_loop* loop = nullptr;
  REQUIRE(ak_loop_open(reinterpret_cast<ak_context*>(&context), "filters.c", "scale", &more, &loop) == ak_status_ok);
  const Mapped x(1000), y(1000, 3);
  int n = 1000;
  float k = 2, *to = x.data(), *from = y.data();
  void* const values[] = {&n, &k, &to, &from};
  for (int i = 0; i < 2; ++i) REQUIRE(ak_loop_call(loop, nullptr, values, 4) == ak_status_ok);
  fake::forget();
  REQUIRE(ak_loop_call(loop, nullptr, values, 4) == ak_status_ok);
  CHECK(driver_calls() == "1 cuCtxGetId, 1 cuStreamIsCapturing");
  CHECK(scaled_on_host == 3);
  ak_loop_close(loop);
  more.residency = static_cast<ak_loop_residency>(3);
  CHECK(ak_loop_open(nullptr, "filters.c", "scale", &more, &loop) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "options.residency: 3 is not a residency");
}

TEST_CASE("loop residency: calls are timed on arrays that lie where a program's own would, whatever the heap has had before") {
  const Scene scene("loop_timed_arrays");
  { const std::vector<float> longer(1 << 20); }  // malloc takes the heap for what is no longer, from now on
  const Function function = scale_function();
  const auto own = [&](int n) {
    port::TimedSize size;
    size.integers = {{"n", n}}, size.size = n;
    port::LoopTimer timer(resources(), function, port::roles_of(function), {}, size);
    int arrays = 0, wrong = 0;
    timer.time_host(
        [&](void* const* arguments) {
          arrays = 0;
          for (const int i : {2, 3}) {
            float* const at = *static_cast<float* const*>(arguments[i]);
            arrays += in_own_memory(at);
            wrong += !std::isfinite(at[0]) || !std::isfinite(at[n - 1]);
          }
        },
        0.01);
    CHECK(wrong == 0);
    return arrays;
  };
  CHECK(own(1000) == (kSanitized ? 0 : 2));
  CHECK(own(100000) == 0);
}

TEST_CASE("loop: an address that was the host's is not taken for that when device memory is mapped there, nor the other way") {
  Scene scene("loop_mapped");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  winner.sizes = {{1000, 0, 5, 1, 10, 10}};
  scene.win(scale_function(), winner, {"scales"});
  const Mapped x(1000), y(1000, 3);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host));
  const auto call = [&] { scale(nullptr, 1000, 2.f, x.data(), y.data()); };
  for (int i = 0; i < 3; ++i) call();
  CHECK(scaled_on_host == 3);
  for (int round = 0; round < 2; ++round) {
    fake::map(x.data(), 4000, true), fake::map(y.data(), 4000, true);
    fake::forget();
    for (int i = 0; i < 3; ++i) call();
    CHECK(scaled_on_host == 3 * (round + 1));
    CHECK(fake::launches().size() == 3);
    fake::map(x.data(), 4000, false), fake::map(y.data(), 4000, false);
    for (int i = 0; i < 3; ++i) call();
    CHECK(scaled_on_host == 3 * (round + 2));
    CHECK(fake::launches().size() == 3);
  }
  // One of two, and a shorter one in the place of another.
  fake::map(x.data(), 4000, true);
  CHECK_HAS(error_of(call), "b is a host pointer and a a device pointer");
  fake::map(y.data(), 4000, true);
  call();
  fake::map(y.data(), 4000, false), fake::map(y.data(), 400, true);
  CHECK_HAS(error_of(call), "its memory ends after 100");
  fake::map(x.data(), 4000, false), fake::map(y.data(), 400, false);
}
