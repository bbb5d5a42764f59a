// Which kernel, or the C function, serves a call of a loop: by size, by where data lies, in captures, by mode and context.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "context/context.hpp"
#include "context/loop_state.hpp"
#include "gpu/device.hpp"
#include "loop/dispatch.hpp"
#include "loop_scene.hpp"
#include "plan/resources.hpp"
#include "tests/allocations.hpp"

using namespace loop_scene;

TEST_CASE("loop: the size chooses the kernel, or the C function; where the data lies decides what is copied") {
  Scene scene("loop_sizes");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel("small");
  winner.kernels.push_back(kernel("large", {{"block", 512}}));
  winner.sizes = {{10, 0, 50, 1, 2, 2}, {1000, 0, 5, 8, 2, 2}, {10000, 1, 10, 100, 20, 20}, {2000000, 1, 10, 30, 50, 50}};
  scene.win(scale_function(), winner, {"scales", "scales"});
  Array a(20000), b(20000);
  std::vector<float> x(20000), y(20000, 3);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host));
  const auto served = [&](int n, float* into, const float* from) {
    into[n - 1] = 0;
    fake::forget();
    scaled_on_host = 0;
    scale(nullptr, n, 2.f, into, from);
    CHECK(into[n - 1] == 2 * from[n - 1]);
    std::string how = scaled_on_host ? "C" : fake::launches().back().kernel;
    if (fake::count("cuMemcpyHtoDAsync")) how += fmt::format(" in {}", fake::count("cuMemcpyHtoDAsync"));
    if (fake::count("cuMemcpyDtoHAsync")) how += fmt::format(" out {}", fake::count("cuMemcpyDtoHAsync"));
    return how;
  };
  for (int round = 0; round < 3; ++round) {
    CHECK(served(1000, a.data(), b.data()) == "small");
    CHECK(served(10000, a.data(), b.data()) == "large");
    CHECK(served(10, a.data(), b.data()) == "C in 1 out 2");         // in place: fewer than the kernel's 50 us
    CHECK(served(10000, x.data(), y.data()) == "large in 2 out 1");  // moved
    CHECK(served(1000, x.data(), y.data()) == "C");
  }
  CHECK(scale.explain(1000, 2.f, x.data(), y.data()).served_by == "the C function");
  CHECK(scale.explain(1000, 2.f, a.data(), b.data()).served_by == "map block=256");
  CHECK(scale.explain(10000, 2.f, a.data(), b.data()).vendor_us == 100);
  // Where there is no room for copies, what needs none.
  fake::memory(std::int64_t{64} << 20, std::int64_t{64} << 20);
  CHECK(served(10000, x.data(), y.data()) == "C");
  const Loop alone(context.loop(scene.source(), {}));
  CHECK_HAS(error_of([&] { alone(nullptr, 10000, 2.f, x.data(), static_cast<const float*>(y.data())); }), "memory");
  fake::memory(std::int64_t{16} << 30);
  // Arrays that overlap are one copy.
  loop::CallClass moved;
  moved.aliases = {{"b", "a", 1}};
  scene.win(scale_function(), winner, {"scales", "scales"}, moved);
  fake::forget();
  scale(nullptr, 10000, 2.f, x.data(), static_cast<const float*>(x.data() + 1));
  CHECK(fake::count("cuMemcpyHtoDAsync") == 1);
  CHECK(fake::count("cuMemcpyDtoHAsync") == 1);
}

TEST_CASE("loop: an array that may be shorter than its accesses reach is copied neither way") {
  Scene scene("loop_uncertain_length");
  loop::Function function = scale_function();
  function.parameters[2].length_certain = false;
  scene.know(function, scene.source());
  Winner winner = scene.one_kernel("small");
  winner.sizes = {{10, 0, 50, 1, 2, 2}, {10000, 0, 10, 100, 20, 20}};
  scene.win(function, winner, {"scales"});
  Array a(20000), b(20000);
  std::vector<float> x(10000), y(10000, 3);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host)), alone(context.loop(scene.source(), {}));
  for (int round = 0; round < 2; ++round) {
    fake::forget();
    scale(nullptr, 10000, 2.f, x.data(), static_cast<const float*>(y.data()));  // by a kernel, could it be moved
    CHECK(scaled_on_host == round + 1);
    CHECK(fake::launches().empty());
    scale(nullptr, 10, 2.f, a.data(), static_cast<const float*>(b.data()));  // in place, could it be copied
    CHECK(a.data()[9] == 18);
    CHECK(scaled_on_host == round + 1);
    CHECK(fake::launches().size() == 1);
    CHECK(fake::count("cuMemcpyHtoDAsync") + fake::count("cuMemcpyDtoHAsync") == 0);
  }
  const auto e = scale.explain(10000, 2.f, x.data(), y.data());
  CHECK(e.served_by == "the C function");
  CHECK_HAS(e.note, "the length of a cannot be known");
  CHECK(scale.explain(10, 2.f, a.data(), b.data()).served_by == "map block=256");
  CHECK_HAS(
      error_of([&] { alone(nullptr, 10000, 2.f, x.data(), static_cast<const float*>(y.data())); }),
      "scale: the length of a cannot be known, as data or conditions decide how far it is used, and without it no copy is "
      "made; write it as a[LENGTH] in the source, or give LoopOptions::lengths");
}

TEST_CASE("loop: what is timed as a call is one: by the kernel with copies, or by a C function that does nothing") {
  Scene scene("loop_timed_calls");
  scene.settings.cache_dir.clear();
  const Mapped x(1000), y(1000, 3);
  int n = 1000;
  float k = 2, *to = x.data();
  const float* from = y.data();
  void* const values[] = {&n, &k, &to, &from};
  Context::Impl context(scene.settings);
  LoopKnown known{scene.source(), scale_function(), {}, LoopPrototype(scale_function()), {}, false, {}, {}, {}};
  known.function.parameters[3].implicit = true;  // of file scope: the C function that is timed takes it all the same
  const auto in_c = loop_calls(context.loop(scene.source(), idle_host()), known, {}, nullptr);
  for (int i = 0; i < 2; ++i) in_c(values);
  fake::forget();
  in_c(values);
  CHECK(fake::count("cuPointerGetAttributes") == 2);
  CHECK(fake::count("cuStreamQuery") == 1);
  CHECK(fake::calls().size() == 7);  // as a call on host pointers
  CHECK(x[0] == 0);
  const std::string image = "fake kernel: scales";
  const LoopPlan plan(resources(), image.data(), scale_function(), kernel("scale_1"));
  const auto moved = loop_calls(context.loop(scene.source(), {}), known, {}, &plan);
  fake::forget();
  for (int i = 0; i < 2; ++i) moved(values);
  CHECK(fake::launches().size() == 2);
  CHECK(fake::count("cuMemcpyHtoDAsync") == 4);
  CHECK(fake::count("cuMemcpyDtoHAsync") == 2);
  CHECK(x[999] == 6);
  CHECK(context.counters().searches == 0);
}

TEST_CASE("loop: the C function is chosen by what whole calls take") {
  SizeRow row{1000, 0, 5, 100, 20, 20};
  CHECK(!loop::host_is_faster(row, true));  // the sum of the parts
  row.moved_us = 101;
  CHECK(loop::host_is_faster(row, true));  // room for the copies takes its time too
  row.call_us = 2;
  CHECK(!loop::host_is_faster(row, true));
  Winner winner = Scene::one_kernel();
  winner.sizes = {row};
  CHECK(loop::read_winner(loop::write_json(winner)) == winner);
}

TEST_CASE("loop: graphs are worth capturing again when another kernel serves a size, not when its times alone are others") {
  Scene scene("loop_epoch");
  Context::Impl context(scene.settings);
  const auto loop = context.loop(scene.source(), {});
  const auto epoch_with = [&](std::vector<SizeRow> sizes) {
    auto served = std::make_shared<LoopServed>();
    served->winner.kernels = {kernel("small"), kernel("large")};
    served->winner.sizes = std::move(sizes);
    loop->serve({scene.source(), scale_function(), {}, LoopPrototype(scale_function()), {}, false, {}, {}, {}}, {}, served);
    return loop->changes();
  };
  CHECK(epoch_with({{10, 0, 50}, {1000, 1, 60}}) == 1);
  CHECK(epoch_with({{10, 0, 51}, {1000, 1, 59}}) == 1);
  CHECK(epoch_with({{10, 0, 50}, {1000, 0, 60}}) == 2);
  CHECK(epoch_with({{10, 0, 50}, {500, 0, 60}}) == 3);
}

TEST_CASE("loop: each size has its own grid and scratch, however often and in whatever order it is called") {
  Scene scene("loop_sizes");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  winner.kernels[0].scratch = {{"rest", ScalarType::f32, i32("n"), false}, {"counts", ScalarType::i32, i32("n"), true}};
  scene.win(scale_function(), winner, {"measures"});
  static std::ptrdiff_t apart;
  fake::kernel("measures", [](const fake::Launch& launch) {
    apart = taken<char*>(launch.parameters, 4) - taken<char*>(launch.parameters, 5);
  });
  Array a(4000), b(4000);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  for (const int moved : {0, 0, 1, 2, 2})
    for (const int n : {300, 1000, 1000, 300, 70, 1000}) {
      CAPTURE(moved);
      CAPTURE(n);
      fake::forget();
      scale(nullptr, n, 2.f, a.data() + moved, static_cast<const float*>(b.data()));
      REQUIRE(fake::launches().size() == 1);
      CHECK(fake::launches()[0].grid[0] == static_cast<unsigned>((n + 255) / 256));
      CHECK(apart == (4 * n + 255) / 256 * 256);
    }
}

TEST_CASE("loop: other pointers of buffers that are known cost a question each") {
  Scene scene("loop_pointers");
  scene.win_scale();
  Array a(4000), b(4000, 1);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  scale(nullptr, 300, 2.f, a.data() + 300, b.data() + 300);
  fake::forget();
  for (int i = 2; i < 10; ++i) scale(nullptr, 300, 2.f, a.data() + 300 * i, b.data() + 300 * i);
  CHECK(a.data()[2999] == 6000);
  CHECK(fake::launches().size() == 8);
  CHECK(fake::count("cuPointerGetAttributes") == 16);
  CHECK(fake::count("cuCtxGetId") == 8);
  CHECK(fake::calls().size() == 32);
  fake::forget();
  const auto before = allocations();
  for (int i = 2; i < 6; ++i) scale(nullptr, 0, 2.f, a.data() + i, b.data() + i);
  CHECK(allocations() - before < 40);  // the first of this size is looked at whole
  // What a first look refuses, or finds to be another kind of call, is seen all the same.
  CHECK_HAS(error_of([&] { scale(nullptr, 300, 2.f, a.data() + 3900, b.data()); }),
            "a has 300 elements, and its memory ends after 100");
  CHECK_HAS(error_of([&] { scale(nullptr, 300, 2.f, a.data(), static_cast<const float*>(nullptr)); }), "b is null");
  std::vector<float> host(300);
  CHECK_HAS(error_of([&] { scale(nullptr, 300, 2.f, host.data(), b.data()); }), "a is a host pointer and b a device pointer");
  CHECK_HAS(
      error_of([&] { scale(nullptr, 300, 2.f, reinterpret_cast<float*>(reinterpret_cast<char*>(a.data()) + 2), b.data()); }),
      "a is not aligned");
  const Explanation apart = scale.explain(300, 2.f, a.data(), b.data());
  const Explanation overlapping = scale.explain(300, 2.f, a.data(), a.data() + 1);
  CHECK(apart.problem != overlapping.problem);
}

TEST_CASE("loop: in a capture a known loop launches, an unknown one is served by one thread") {
  Scene scene("loop_capture");
  scene.win_scale();
  scene.know(total_function(), scene.source(kTotalText, "total"));
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host)), total(context.loop(scene.source(kTotalText, "total"), {}));
  const OwnedStream stream = OwnedStream::make();
  CUgraph graph = nullptr;
  check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  scale(stream.get(), 300, 2.f, a.data(), b.data());
  total(stream.get(), a.data(), 300, 0L, b.data());
  CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
  const auto launches = fake::launches();
  REQUIRE(launches.size() == 2);
  CHECK(launches[0].kernel == "scale_1");
  CHECK(launches[1].kernel == "total_serial_1_");
  CHECK(context.counters().searches == 0);
  CHECK(total.explain(a.data(), 300, 0L, b.data()).source == "none");  // not kept: the next call outside tunes
}

TEST_CASE("loop: modes") {
  Scene scene("loop_modes");
  scene.win_scale();
  scene.know(total_function(), scene.source(kTotalText, "total"));
  Array a(300), b(300);
  scene.settings.mode = Mode::hit;
  {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), &scale_on_host)), total(context.loop(scene.source(kTotalText, "total"), {}));
    scale(nullptr, 300, 2.f, a.data(), b.data());
    CHECK(fake::launches().back().kernel == "scale_1");
    total(nullptr, a.data(), 300, 0L, b.data());
    CHECK(fake::launches().back().kernel == "total_serial_1_");
    const Explanation e = total.explain(a.data(), 300, 0L, b.data());
    CHECK(e.source == "serial");
    CHECK_HAS(e.note, "no record, and AK_MODE is hit");
    CHECK(context.counters().searches == 0);
  }
  scene.settings.mode = Mode::background;
  {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), &scale_on_host)), total(context.loop(scene.source(kTotalText, "total"), {}));
    scale(nullptr, 300, 2.f, a.data(), b.data());
    CHECK(fake::launches().back().kernel == "scale_1");
    total(nullptr, a.data(), 300, 0L, b.data());
    CHECK(fake::launches().back().kernel == "total_serial_1_");
    CHECK_HAS(total.explain(a.data(), 300, 0L, b.data()).note, "it is ported behind the calls");
    CHECK(total.prepare(a.data(), 300, 0L, b.data()).note.find("behind the calls") == std::string::npos);  // waits for it
  }
  scene.settings.mode = Mode::off;
  {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), &scale_on_host)), total(context.loop(scene.source(kTotalText, "total"), {}));
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    CHECK(scaled_on_host == 1);
    CHECK(fake::launches().empty());
    CHECK_HAS(scale.explain(300, 2.f, a.data(), b.data()).note, "AK_MODE is off");
    total(nullptr, a.data(), 300, 0L, b.data());  // without a host function
    CHECK(fake::launches().back().kernel == "total_serial_1_");
  }
}

TEST_CASE("loop: in mode hit records that come later serve, and a call that has read an older one takes none of them away") {
  Scene scene("loop_later");
  scene.know(scale_function(), scene.source());
  scene.settings.mode = Mode::hit;
  Clock::time_point now = Clock::now();
  std::function<void()> meanwhile;
  Context::Impl context(scene.settings, nullptr, [&] {
    if (const auto once = std::exchange(meanwhile, {})) once();
    return now;
  });
  const Loop scale(context.loop(scene.source(), {}));
  Array a(300), b(300);
  const auto called = [&] {
    scale(nullptr, 300, 2.f, a.data(), b.data());
    return fake::launches().back().kernel;
  };
  const auto stands = [&](const std::string& name, const std::string& driver) {
    Winner winner = scene.one_kernel(name);
    winner.driver = driver;
    scene.win(scale_function(), winner, {"scales"});
  };
  CHECK(called() == "scale_serial_1_");
  stands("scale_1", "100.1");
  now += std::chrono::seconds(2);
  CHECK(called() == "scale_1");
  now += std::chrono::seconds(61);
  meanwhile = [&] {
    stands("scale_2", driver_version());
    std::thread([&] {
      const ContextScope scope(scene.own->handle);
      called();
    }).join();
    stands("scale_1", "100.1");
  };
  CHECK(called() == "scale_2");
  CHECK(called() == "scale_2");
}

TEST_CASE("loop: a context that ends takes its kernels along; the next one loads them again") {
  Scene scene("loop_contexts");
  scene.win_scale();
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  for (int round = 0; round < 2; ++round) {
    OwnContext other;
    {
      Array a(300), b(300);
      for (int i = 0; i < 3; ++i) scale(nullptr, 300, 2.f, a.data(), b.data());
      CHECK(a.data()[299] == 598);
    }
    other.end();
  }
  Array a(300), b(300);
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(a.data()[299] == 598);
  CHECK(context.counters().store_hits == 3);
}

TEST_CASE("loop: a graph that holds a call outlives the context: its kernel stays loaded") {
  Scene scene("loop_graph");
  scene.win_scale();
  const OwnedStream stream = OwnedStream::make();
  Array a(300), b(300);
  CUgraph graph = nullptr;
  {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), {}));
    check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
    scale(stream.get(), 300, 2.f, a.data(), b.data());
    CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
    CHECK(fake::launches().back().kernel == "scale_1");
  }
  CHECK(fake::count("cuModuleLoadData") == 1);
  CHECK(fake::count("cuModuleUnload") == 0);
}
