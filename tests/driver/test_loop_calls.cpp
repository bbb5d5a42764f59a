// Calls of loops on the fake driver: what serves them stands in the store, so that neither analyser nor compiler is needed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ak/loop.h"
#include "base/build.hpp"
#include "base/environment.hpp"
#include "cache/pack.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"
#include "context/job.hpp"
#include "context/loop_state.hpp"
#include "fake_driver.hpp"
#include "gpu/device.hpp"
#include "gpu/owners.hpp"
#include "jit/compiler.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"
#include "loop_scene.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "port/port.hpp"
#include "quick_driver.hpp"
#include "tests/allocations.hpp"
#include "tests/gpu/lock_count.hpp"
#include "tests/loops/made.hpp"
#include "tests/unit/stores.hpp"
#include "tune/device_turn.hpp"
#include "worker_fixture.hpp"

using namespace ak;
using namespace ak::loop_scene;
using namespace ak::test_stores;
using namespace made;
using loop::Candidate;
using loop::SizeRow;
using loop::Winner;

TEST_CASE("loop: a hit launches with the call's arguments; then neither the heap nor the driver is asked for more") {
  Scene scene("loop_hit");
  scene.win_scale();
  Array a(300), b(300, 1);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  scale(nullptr, 300, 2.f, a.data(), static_cast<const float*>(b.data()));
  CHECK(a.data()[299] == 600);
  CHECK(context.counters().store_hits == 1);
  const auto launches = fake::launches();
  REQUIRE(launches.size() == 1);
  CHECK(launches[0].kernel == "scale_1");
  CHECK(launches[0].grid[0] == 2);
  CHECK(launches[0].block[0] == 256);
  CHECK_FALSE(launches[0].cooperative);
  CHECK_FALSE(launches[0].programmatic);
  const Explanation e = scale.explain(300, 2.f, a.data(), b.data());
  CHECK(e.source == "store");
  CHECK(e.served_by == "map block=256");
  CHECK_HAS(e.note, "no host function");

  scale(nullptr, 300, 2.f, a.data(), b.data());
  fake::forget();
  for (int i = 0; i < 10; ++i) scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(fake::launches().size() == 10);
  CHECK(fake::count("cuCtxGetId") == 10);
  CHECK(fake::calls().size() == 20);  // with the launches
  for (int i = 0; i < 20; ++i) scale(nullptr, 0, 2.f, a.data(), b.data());
  fake::forget();
  for (int i = 0; i < 10; ++i) scale(nullptr, 0, 2.f, a.data(), b.data());
  CHECK(fake::launches().empty());

  // Each kind of call is made just before it is watched: others may have had its place among the last ones.
  const auto watched = [&](const std::string& questions, auto&& calls) {
    const QuickDriver quick(nullptr, {&a.buffer, &b.buffer});
    const auto allocations_before = allocations(), locks_before = locks();
    calls();
    const auto allocated = allocations() - allocations_before, locked = locks() - locks_before;
    CHECK(allocated == 0);
    CHECK(locked == 0);
    CHECK(quick.asked() == questions);
  };
  scale(nullptr, 300, 2.f, a.data(), b.data());
  watched("10 cuCtxGetId, 10 cuLaunchKernelEx", [&] {
    for (int i = 0; i < 10; ++i) scale(nullptr, 300, 2.f, a.data(), b.data());
  });
  scale(nullptr, 200, 2.f, a.data() + 90, b.data() + 90);
  scale(nullptr, 200, 2.f, a.data() + 100, b.data() + 100);
  watched("10 cuCtxGetId, 20 cuPointerGetAttributes, 10 cuLaunchKernelEx", [&] {
    for (int i = 0; i < 10; ++i) scale(nullptr, 200, 2.f, a.data() + i, b.data() + i);
  });
}

TEST_CASE("loop: scratch memory, what is zero before each call, several launches and their attributes") {
  Scene scene("loop_scratch");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  Candidate& candidate = winner.kernels[0];
  candidate.scratch = {{"rest", ScalarType::f32, i32("n"), false},
                       {"counts", ScalarType::i32, binary("+", i32("n"), integer(1)), true},
                       {"flags", ScalarType::i64, i32(ak::loop::kSms), true}};
  candidate.launches = {{"first", i32("n"), 128, 0, false, false},
                        {"never", binary("-", i32("n"), i32("n")), 128, 0, false, true},
                        {"second", integer(3), 64, 64 << 10, false, true},
                        {"barrier", i32(ak::loop::kSms), 64, 0, true, true}};
  scene.win(scale_function(), winner, {"looks"});
  static std::vector<std::string> wrong;
  static char* bases[3];
  wrong.clear();
  fake::kernel("looks", [](const fake::Launch& launch) {
    for (int i = 0; i < 3; ++i) bases[i] = taken<char*>(launch.parameters, 4 + i);
    if (launch.kernel == "first")
      for (int i = 0; i <= taken<int>(launch.parameters, 0); ++i)
        if (reinterpret_cast<int*>(bases[1])[i] != 0) wrong.push_back("not zero");
    std::memset(bases[1], 0xff, 4);
    std::memset(bases[2], 0xff, 8);
    for (const char* base : bases)
      if (reinterpret_cast<std::uintptr_t>(base) % 256) wrong.push_back("not aligned");
  });
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  for (int i = 0; i < 3; ++i) scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(wrong.empty());
  CHECK(bases[2] >= bases[1] + 4 * 301);
  CHECK(bases[0] > bases[2]);  // what is zeroed comes first
  const auto launches = fake::launches();
  REQUIRE(launches.size() == 9);
  CHECK(launches[0].kernel == "first");
  CHECK_FALSE(launches[0].programmatic);
  CHECK(launches[1].kernel == "second");
  CHECK(launches[1].programmatic);
  CHECK(launches[1].smem_bytes == 64 << 10);
  CHECK(launches[2].cooperative);
  CHECK_FALSE(launches[2].programmatic);
  CHECK(fake::count("cuFuncSetAttribute") >= 1);
}

TEST_CASE("loop: where scratch memory is not to be had one thread serves") {
  Scene scene("loop_no_scratch");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  winner.kernels[0].scratch = {{"rest", ScalarType::f64, binary("*", i32("n"), integer(1 << 20)), false}};
  scene.win(scale_function(), winner, {"scales"});
  Array a(3000), b(3000);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  scale(nullptr, 3000, 2.f, a.data(), b.data());
  REQUIRE(fake::launches().size() == 1);
  CHECK(fake::launches()[0].kernel == "scale_serial_1_");
  CHECK(context.counters().scratch_fallbacks == 1);
  // More blocks than a launch has.
  scene.win(scale_function(),
            [&] {
              Winner many = scene.one_kernel();
              many.kernels[0].launches.push_back(
                  {"many", binary("*", ak::loop::convert(ScalarType::i64, i32("n")), integer(1 << 30)), 32, 0, false, false});
              return many;
            }(),
            {"scales"});
  Context::Impl other(scene.settings);
  const Loop again(other.loop(scene.source(), {}));
  fake::forget();
  again(nullptr, 3000, 2.f, a.data(), b.data());
  REQUIRE(fake::launches().size() == 1);
  CHECK(fake::launches()[0].kernel == "scale_serial_1_");
}

TEST_CASE("loop: a second process hits with no clang, no analyser and no compiler") {
  Scene scene("loop_second");
  scene.win_scale();
  Child second("a second process calls a loop that is known", scene.folder, 0);
  CHECK(second.line() == "598 1 0");
  CHECK(second.wait() == 0);
}

TEST_CASE("a second process calls a loop that is known" * doctest::skip()) {
  fake::reset();
  OwnContext own;
  fake::kernel("scales", [](const fake::Launch& launch) {
    const int n = taken<int>(launch.parameters, 0);
    for (int i = 0; i < n; ++i)
      taken<float*>(launch.parameters, 2)[i] =
          taken<float>(launch.parameters, 1) * taken<const float*>(launch.parameters, 3)[i];
  });
  Settings settings;
  settings.cache_dir = child_folder();
  settings.analyser = settings.compiler = settings.worker = "/nowhere/at-all";
  Array a(300), b(300);
  Context::Impl context(settings);
  const Loop scale(context.loop(Scene::source(), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  std::cout << a.data()[299] << ' ' << fake::launches().size() << ' ' << context.counters().searches << std::endl;
}

TEST_CASE("loop: what is wrong with an argument is said by its name") {
  Scene scene("loop_arguments");
  scene.win_scale();
  scene.know(total_function(), scene.source(kTotalText, "total"));
  Array a(300), b(300);
  std::vector<float> host(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  const auto call = [&](auto... arguments) { return error_of([&] { scale(nullptr, arguments...); }); };
  float* const p = a.data();
  const float* const q = b.data();
  CHECK(call(300, 2.f, p, q) == "none");
  CHECK(call(300, 2.f, p) == "scale: takes 4 arguments (int n, float k, float* a, const float* b), not 3");
  CHECK(call(300, 2.f, p, q, 1) == "scale: takes 4 arguments (int n, float k, float* a, const float* b), not 5");
  CHECK(call(2.f, 2.f, p, q) == "scale: n is int, not float");
  CHECK(call(p, 2.f, p, q) == "scale: n is int, not float*");
  CHECK(call(300, 2.f, 3, q) == "scale: a is float*, not int");
  CHECK(call(300, 2.f, reinterpret_cast<double*>(p), q) == "scale: a is float*, not double*");
  CHECK(call(300, 2.f, q, q) == "scale: a is written, and given as const");
  CHECK(call(std::int64_t{1} << 40, 2.f, p, q) == "scale: n is an int, which 1099511627776 does not fit");
  CHECK(call(300, 2.f, nullptr, q) == "scale: a is null, and has 300 elements");
  CHECK(call(0, 2.f, nullptr, nullptr) == "none");
  CHECK(call(-5, 2.f, nullptr, nullptr) == "none");
  CHECK(call(200, 2.f, reinterpret_cast<float*>(reinterpret_cast<char*>(p) + 2), q) ==
        "scale: a is not aligned to its elements");
  CHECK(call(300, 2.f, host.data(), q) ==
        "scale: a is a host pointer and b a device pointer; all of them are to be one or the other");
  CHECK(call(300, 2.f, p + 1, q) == "scale: a has 300 elements, and its memory ends after 299");
  CHECK(call(std::int64_t{300}, 2, p, p) == "none");  // converted, and one array twice

  const auto other = [&](LoopHost host) {
    const Loop of(context.loop(scene.source(), host));
    return error_of([&] { of(nullptr, 300, 2.f, p, q); });
  };
  CHECK(other(&scale_on_host) == "none");
  CHECK_HAS(other(static_cast<void (*)(int, double, float*, const float*)>(nullptr)), "none");  // no function
  static const auto wide = +[](int, double, float*, const float*) {};
  CHECK(other(wide) == "scale: k is float in the source and double in the host function");
  static const auto writes = +[](int, float, float*, float*) {};
  CHECK(other(writes) == "scale: b is const float* in the source and float* in the host function");
  static const auto shorter = +[](int, float, float*) {};
  CHECK_HAS(other(shorter), "the host function takes or returns something else");
  static const auto returns = +[](int, float, float*, const float*) { return 0.f; };
  CHECK_HAS(other(returns), "the host function takes or returns something else");

  const Loop total(context.loop(scene.source(kTotalText, "total"), {}));
  CHECK_HAS(error_of([&] { total(nullptr, 300, 0L, q); }),
            "takes 4 arguments (float* result, int n, long long first, const float* x)");
  static const auto pointer = +[](int, long, const float*) -> float* { return nullptr; };
  const Loop points(context.loop(scene.source(kTotalText, "total"), pointer));
  CHECK_HAS(error_of([&] { points(nullptr, p, 300, 0L, q); }), "the host function takes or returns something else");

  scene.know(total_function(), scene.source(kTotalText + " ", "total"), "line 3: a pointer to pointers");
  const Loop refused(context.loop(scene.source(kTotalText + "\n", "total"), {}));  // spacing alone is other
  CHECK_HAS(error_of([&] { refused(nullptr, p, 300, 0L, q); }), "line 3: a pointer to pointers");
}

TEST_CASE("loop: values are converted as C does") {
  LoopPrototype prototype(
      {"f", ScalarType::none, {value("f"), value("d", ScalarType::f64), size("i"), value("l", ScalarType::i64)}, {}, {}});
  LoopValues into;
  const auto bits = [&](auto f, auto d, auto i, auto l) {
    const LoopType types[] = {loop_type<decltype(f)>(), loop_type<decltype(d)>(), loop_type<decltype(i)>(),
                              loop_type<decltype(l)>()};
    void* const values[] = {&f, &d, &i, &l};
    gather(prototype, types, values, 4, into);
  };
  // Twice rounded, by way of double, it would be 9007199791611904.
  const std::int64_t odd = (std::int64_t{1} << 53) + (std::int64_t{1} << 29) + 1;
  bits(odd, 1.5f, std::int64_t{-7}, -7);
  float f;
  double d;
  int i;
  std::int64_t l;
  std::memcpy(&f, &into.bits[0], 4), std::memcpy(&d, &into.bits[1], 8), std::memcpy(&i, &into.bits[2], 4),
      std::memcpy(&l, &into.bits[3], 8);
  CHECK(f == static_cast<float>(odd));
  CHECK(d == 1.5);
  CHECK(i == -7);
  CHECK(l == -7);
  bits(0.1, 3, 4, 5);
  std::memcpy(&f, &into.bits[0], 4), std::memcpy(&d, &into.bits[1], 8);
  CHECK(f == 0.1f);
  CHECK(d == 3);
}

TEST_CASE("loop: how arrays overlap") {
  const Function function{"f",
                          ScalarType::none,
                          {size("n"), array("p", i32("n"), true), array("q", i32("n"), true), array("r", i32("n")),
                           array("w", i32("n"), false, ScalarType::f64)},
                          {},
                          {}};
  const LoopPrototype prototype(function);
  std::vector<double> room(4000);
  float* const x = reinterpret_cast<float*>(room.data());
  double* const far = room.data() + 3000;
  const auto look = [&](const float* p, const float* q, float* r, double* w) {
    LoopValues values;
    const LoopType types[] = {loop_type<int>(), loop_type<const float*>(), loop_type<const float*>(), loop_type<float*>(),
                              loop_type<double*>()};
    int n = 100;
    void* const given[] = {&n, &p, &q, &r, &w};
    gather(prototype, types, given, 5, values);
    const LoopMemory memory = look_at(prototype, function, {}, values, false);
    return memory.tangled ? "tangled" : text(memory.call);
  };
  CHECK(look(x, x + 200, x + 400, far) == "");
  CHECK(look(x, x, x + 400, far) == "");  // read alone
  CHECK(look(x, x + 200, x, far) == "r=p+0");
  CHECK(look(x + 1, x + 200, x, far) == "r=p-1");
  CHECK(look(x, x + 99, x + 100, far) == "r=q+1");
  CHECK(look(x, x, x, far) == "q=p+0 r=p+0");                // both read what is written
  CHECK(look(x, x + 150, x + 75, far) == "q=p+150 r=p+75");  // by way of the one that is written
  CHECK(look(x, x + 200, x + 400, reinterpret_cast<double*>(x + 400)) == "tangled");
  const float* const half = reinterpret_cast<const float*>(reinterpret_cast<const char*>(x) + 2);
  (void)half;  // not aligned to its elements: refused before
  const double* const d = room.data();
  CHECK(look(reinterpret_cast<const float*>(d + 1), x + 500, x + 1000, room.data()) == "tangled");
}

TEST_CASE("loop: groups of arrays that a later one joins are one group") {
  const Function function{"f",
                          ScalarType::none,
                          {size("n"), array("p", i32("n")), array("q", i32("n")), array("r", i32("n")), array("s", i32("n"))},
                          {},
                          {}};
  const LoopPrototype prototype(function);
  std::vector<float> x(1000);
  LoopValues values;
  const LoopType one = loop_type<float*>();
  const LoopType types[] = {loop_type<int>(), one, one, one, one};
  int n = 100;
  float *p = x.data(), *q = p + 150, *r = q + 90, *s = p + 75;  // r meets q alone, s meets p and q
  void* const given[] = {&n, &p, &q, &r, &s};
  gather(prototype, types, given, 5, values);
  CHECK(text(look_at(prototype, function, {}, values, false).call) == "q=p+150 r=p+240 s=p+75");
}

TEST_CASE("loop: overlaps and steering values are keys of their own, sizes are none; tangled arrays are served by one thread") {
  Scene scene("loop_keys");
  const Function function = scale_function();
  scene.know(function, scene.source());
  scene.win(function, scene.one_kernel("apart"), {"scales"});
  loop::CallClass moved;
  moved.aliases = {{"b", "a", 1}};
  scene.win(function, scene.one_kernel("moved"), {"scales"}, moved);
  scene.know(total_function(), scene.source(kTotalText, "total"));
  for (const std::int64_t first : {0, 3}) {
    loop::CallClass steered;
    steered.values = {{"first", first}};
    scene.win(total_function(), scene.one_kernel(fmt::format("from_{}", first)), {"nothing"}, steered);
  }
  scene.settings.mode = Mode::hit;
  Context::Impl context(scene.settings);
  Array a(3000), b(3000);
  const Loop scale(context.loop(scene.source(), {})), total(context.loop(scene.source(kTotalText, "total"), {}));
  const auto launched = [&](auto&& call) {
    fake::forget();
    call();
    return fake::launches().empty() ? "nothing" : fake::launches().back().kernel;
  };
  for (const int n : {100, 2000}) {
    CHECK(launched([&] { scale(nullptr, n, 2.f, a.data(), b.data()); }) == "apart");
    CHECK(launched([&] { scale(nullptr, n, 2.f, a.data(), a.data() + 1); }) == "moved");
    CHECK(launched([&] { scale(nullptr, n, 2.f, a.data(), a.data() + 2); }) == "scale_serial_1_");
    CHECK(launched([&] { total(nullptr, a.data(), n, 0L, b.data()); }) == "from_0");
    CHECK(launched([&] { total(nullptr, a.data(), n, 3L, b.data()); }) == "from_3");
    CHECK(launched([&] { total(nullptr, a.data(), n, 4L, b.data()); }) == "total_serial_1_");
    // The result within the array.
    CHECK(launched([&] { total(nullptr, b.data() + 5, n, 0L, b.data()); }) == "total_serial_1_");
    CHECK_HAS(total.explain(b.data() + 5, n, 0L, b.data()).note, "overlap by parts");
    CHECK(total.explain(a.data(), n, 0L, b.data()).served_by == "map block=256");
  }
  CHECK(scale.explain(100, 2.f, a.data(), a.data() + 1).problem == "scale b=a+1");
}

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

TEST_CASE("loop: a call on host pointers costs a question to the stream, and waits where it is busy") {
  Scene scene("loop_host");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  winner.sizes = {{1000, 0, 5, 1, 10, 10}};
  scene.win(scale_function(), winner, {"scales"});
  std::vector<float> x(1000), y(1000, 3);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host));
  const OwnedStream stream = OwnedStream::make();
  for (int i = 0; i < 2; ++i) scale(stream.get(), 1000, 2.f, x.data(), y.data());
  fake::forget();
  scale(stream.get(), 1000, 2.f, x.data(), y.data());
  CHECK(scaled_on_host == 3);
  CHECK(fake::count("cuStreamQuery") == 1);
  CHECK(fake::count("cuStreamSynchronize") == 0);
  CHECK(fake::count("cuPointerGetAttributes") == 2);  // at a host's address device memory may be mapped by now
  CHECK(fake::count("cuCtxGetId") == 1);
  CHECK(fake::count("cuStreamIsCapturing") == 1);
  CHECK(fake::count("cuThreadExchangeStreamCaptureMode") == 2);
  CHECK(fake::calls().size() == 7);
  CHECK(fake::launches().empty());
  fake::busy(stream.get(), true);
  scale(stream.get(), 1000, 2.f, x.data(), y.data());
  CHECK(fake::count("cuStreamSynchronize") == 1);
  fake::busy(stream.get(), false);
  // Beside a capture, which it leaves whole; in one it is refused.
  const OwnedStream capturing = OwnedStream::make();
  CUgraph graph = nullptr;
  check(driver().cuStreamBeginCapture(capturing.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  scale(stream.get(), 1000, 2.f, x.data(), y.data());
  CHECK_HAS(error_of([&] { scale(capturing.get(), 1000, 2.f, x.data(), y.data()); }), "host pointers in a stream capture");
  CHECK(driver().cuStreamEndCapture(capturing.get(), &graph) == CUDA_SUCCESS);
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

TEST_CASE("loop: an address that was the host's is not taken for that when device memory is mapped there, nor the other way") {
  Scene scene("loop_mapped");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  winner.sizes = {{1000, 0, 5, 1, 10, 10}};
  scene.win(scale_function(), winner, {"scales"});
  std::vector<float> x(1000), y(1000, 3);
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

TEST_CASE("loop: the C function's result goes where the first argument says") {
  Scene scene("loop_result");
  scene.know(total_function(), scene.source(kTotalText, "total"));
  Context::Impl context(scene.settings);
  scene.settings.mode = Mode::off;
  Context::Impl off(scene.settings);
  std::vector<float> x(100, 2);
  float result = 0;
  const Loop total(off.loop(scene.source(kTotalText, "total"), &total_on_host));
  for (int i = 0; i < 3; ++i) {
    result = 0;
    total(nullptr, &result, 100, 0L, x.data());
    CHECK(result == 200);
  }
  Array d(101, 1);
  total(nullptr, d.data() + 100, 100, 0L, d.data());  // in place
  CHECK(d.data()[100] == 5050);
  CHECK(d.data()[0] == 1);
  CHECK(fake::launches().empty());
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

TEST_CASE("loop: another text, include, flag or length is a miss; a comment is none") {
  Scene scene("loop_changed");
  scene.settings.mode = Mode::hit;
  std::filesystem::create_directories(scene.folder.path / "include");
  const auto write = [&](const char* file, const std::string& text) { std::ofstream(scene.folder.path / file) << text; };
  write("f.c", "#include \"f.h\"\n#include <g.h>\n" + kText);
  write("f.h", "#define N 1\n");
  write("include/g.h", "#define M 1\n");
  port::LoopSource source;
  source.file = scene.folder.path / "f.c", source.function = "scale";
  source.flags = {"-DX=1", "-I", scene.folder.path / "include"};
  port::LoopSource read = source;
  read.text = port::read_source(source);
  scene.know(scale_function(), read);
  scene.win(scale_function(), scene.one_kernel(), {"scales"});
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const auto served = [&](const port::LoopSource& of) {
    const Loop scale(context.loop(of, {}));
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    return fake::launches().back().kernel;
  };
  const std::string bare = "scale_serial_1_";  // without the analyser
  CHECK(served(source) == "scale_1");
  write("f.h", "#define N 1 // one\n");
  CHECK(served(source) == "scale_1");
  write("f.h", "#define N 2\n");
  CHECK(served(source) == bare);
  write("f.h", "#define N 1\n");
  write("include/g.h", "#define M 2\n");
  CHECK(served(source) == bare);
  write("include/g.h", "#define M 1\n");
  write("f.c", "#include \"f.h\"\n#include <g.h>\n/* a comment */" + kText);
  CHECK(served(source) == "scale_1");
  port::LoopSource other = source;
  other.flags[0] = "-DX=2";
  CHECK(served(other) == bare);
  other = source, other.flags.insert(other.flags.end(), {"-imacros", scene.folder.path / "m.h"});
  write("m.h", "#define N 1\n");
  read.flags = other.flags;
  scene.know(scale_function(), read);
  CHECK(served(other) == "scale_1");
  write("m.h", "#define N 2\n");
  CHECK(served(other) == bare);
  other = source, other.lengths = {{"a", "n"}};
  CHECK(served(other) == bare);
  write("f.c", "#include \"f.h\"\n#include <g.h>\nint more;" + kText);
  CHECK(served(source) == bare);
}

TEST_CASE("loop: a changed header is a miss, also where a macro or the environment says which it is") {
  Scene scene("loop_headers");
  scene.settings.mode = Mode::hit;
  for (const char* folder : {"near", "far", "last"}) std::filesystem::create_directories(scene.folder.path / folder);
  const auto write = [&](const std::string& file, const std::string& text) { std::ofstream(scene.folder.path / file) << text; };
  const auto environment_is = [](const char* name, const std::string& value) {
    value.empty() ? ::unsetenv(name) : ::setenv(name, value.c_str(), 1);
    read_environment();
  };
  Array a(300), b(300);
  const auto is_known = [&](const port::LoopSource& of) {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(of, {}));
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    return fake::launches().back().kernel == "scale_1";
  };
  const auto know = [&](const port::LoopSource& source) {
    port::LoopSource read = source;
    read.text = port::read_source(source);
    scene.know(scale_function(), read);
  };
  scene.win(scale_function(), scene.one_kernel(), {"scales"});
  port::LoopSource source;
  source.file = scene.folder.path / "f.c", source.function = "scale";
  const auto follows = [&](const std::string& header) {
    CAPTURE(header);
    write(header, "#define N 1\n");
    know(source);
    CHECK(is_known(source));
    write(header, "#define N 2\n");
    CHECK_FALSE(is_known(source));
  };
  write("f.c", "#define NAMES OTHER\n#define OTHER \"named.h\"\n#include NAMES\n" + kText);
  follows("named.h");
  source.flags = {"-DWHICH=<given.h>", "-I" + (scene.folder.path / "near").string()};
  write("f.c", "#include WHICH\n" + kText);
  follows("near/given.h");
  write("near/next.h", "#include_next <next.h>\n");
  source.flags.insert(source.flags.end(), {"-isystem", scene.folder.path / "far"});
  write("f.c", "#include <next.h>\n" + kText);
  follows("far/next.h");
  // -I goes before -isystem, wherever it stands.
  write("far/twice.h", "#define N 1\n");
  source.flags = {"-isystem", scene.folder.path / "far", "-I", scene.folder.path / "near"};
  write("f.c", "#include <twice.h>\n" + kText);
  follows("near/twice.h");
  source.flags.clear();
  for (const char* variable : {"CPATH", "C_INCLUDE_PATH"}) {
    environment_is(variable, "/nowhere:" + (scene.folder.path / "last").string());
    write("f.c", fmt::format("#include <{}.h>\n{}", variable, kText));
    follows(fmt::format("last/{}.h", variable));
    environment_is(variable, "");
  }
  write("f.c", "#define NAMED(x) <x.h>\n#include NAMED(f)\n" + kText);  // nobody knows
  know(source);
  CHECK_FALSE(is_known(source));
}

TEST_CASE("loop: damaged records and images are misses with a line in the log") {
  Scene scene("loop_damaged");
  scene.settings.mode = Mode::hit;
  scene.know(scale_function(), scene.source());
  Array a(300), b(300);
  const auto served = [&] {
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), {}));
    fake::forget();
    scale(nullptr, 300, 2.f, a.data(), b.data());
    return fake::launches().back().kernel;
  };
  const std::string key = scene.key(scale_function());
  const std::string text = write_json(scene.one_kernel());
  std::string images = loop::pack_images({"fake kernel: scales"});
  const std::string tag(loop::kLoop);
  {
    Log log;
    scene.store()->put_work({tag, key, "{\"kernels\": 3}", images});
    CHECK(served() == "scale_serial_1_");
    CHECK_MESSAGE(log.has("its record cannot be used: loop.kernels is not a list"), log.text);
  }
  images[images.size() - 3] ^= 1;
  {
    Log log;
    scene.store()->put_work({tag, key, text, images});
    CHECK(served() == "scale_serial_1_");
    CHECK_MESSAGE(log.has("images of its record are damaged"), log.text);
  }
  {
    Log log;
    scene.store()->put_work({tag, key, text, {}});  // a pack's
    CHECK(served() == "scale_serial_1_");
    CHECK(log.text.empty());
  }
  {
    Log log;
    const port::LoopSource source = scene.source();
    scene.store()->put_work({std::string(loop::kLoopSource), loop::source_key("scale", source.text, {}), {}, "{]"});
    CHECK(served() == "scale_serial_1_");
    CHECK_MESSAGE(log.has("its record cannot be read"), log.text);
  }
}

TEST_CASE("loop: a pack carries texts alone; a text that the templates here do not make never runs") {
  const ak::testing::FakeDriver fakes;  // of the worker's
  Scene scene("loop_pack");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel("hostile");
  winner.kernels[0].text = "extern \"C\" __global__ void hostile(int n) { } // fake kernel: harms";
  scene.win(scale_function(), winner, {"harms"});
  static int harmed = 0;
  harmed = 0;
  fake::kernel("harms", [](const fake::Launch&) { ++harmed; });
  const std::string file = scene.folder.path / "loops.pack";
  std::vector<WorkRecord> all;
  scene.store()->for_each_work({}, [&](const WorkRecord& record) { all.push_back(record); });
  REQUIRE(all.size() == 2);
  write_pack(file, {}, all);
  const Pack carried = read_pack(file);
  REQUIRE(carried.work.size() == 1);
  CHECK(carried.work[0].kind == loop::kLoop);
  CHECK(carried.work[0].local.empty());
  CHECK(loop::read_winner(carried.work[0].text) == winner);
  scene.store()->put_work(carried.work[0]);  // as `ak import` does

  {
    Settings hits = scene.settings;
    hits.mode = Mode::hit;
    Context::Impl context(hits);
    Array a(300), b(300);
    const Explanation e = Loop(context.loop(scene.source(), {})).prepare(300, 2.f, a.data(), b.data());
    CHECK(e.source == "serial");
    CHECK_HAS(e.note, "its record is not proven here, and AK_MODE is hit");
  }

  // An analyser that finds one parallel loop, the real compiler, the real worker.
  loop::Verdict verdict;
  verdict.function = scale_function();
  loop::Group group;
  group.statements = {2}, group.loops = {{1, "i", loop::Role::parallel}};
  verdict.groups = {group};
  const auto program = scene.folder.path / "analyse";
  std::ofstream(scene.folder.path / "verdict.json") << write_json(verdict);
  std::ofstream(program) << "#!/bin/sh\ncat " << (scene.folder.path / "verdict.json").string() << "\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  scene.settings.analyser = program, scene.settings.compiler.clear();
  scene.settings.worker = AK_BINARY_DIR "/ak-worker";
  scene.settings.loop_budget_s = 4;
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(harmed == 0);
  for (const fake::Launch& launch : fake::launches()) CHECK(launch.kernel != "hostile");
  const Explanation e = scale.explain(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");  // no kernel of the fake compiler's is right
  CHECK_FALSE(e.note.empty());
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

TEST_CASE("loop: threads that call at once") {
  Scene scene("loop_threads");
  scene.win_scale();
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      driver().cuCtxPushCurrent(scene.own->handle);
      Array a(300), b(300, static_cast<float>(t));
      for (int i = 0; i < 20; ++i) {
        scale(nullptr, 300, static_cast<float>(i), a.data(), b.data());
        right += a.data()[10] == static_cast<float>(i) * static_cast<float>(t + 10);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 80);
}

TEST_CASE("loop: an unfinished winner serves, and is gone on with; what keeps that from happening is said") {
  Scene scene("loop_unfinished");
  scene.know(scale_function(), scene.source());
  Winner winner = scene.one_kernel();
  winner.unfinished = true;
  scene.win(scale_function(), winner, {"scales"});
  const auto script = scene.folder.path / "analyse", asked = scene.folder.path / "asked";
  std::ofstream(script) << "#!/bin/sh\necho once >> " << asked.string()
                        << "\necho 'ak-analyse: there is no clang' >&2\nexit 4\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  scene.settings.analyser = script;
  const auto times = [&] {
    std::ifstream in(asked);
    return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
  };
  Array a(300), b(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(fake::launches().back().kernel == "scale_1");
  CHECK(times() == 1);
  for (int i = 0; i < 5; ++i) scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(times() == 1);  // not at once
  CHECK_HAS(scale.explain(300, 2.f, a.data(), b.data()).note, "passing");
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(times() == 2);
  CHECK(fake::launches().back().kernel == "scale_1");
}

TEST_CASE("loop: what was proven under another driver or NVRTC serves, is proven again where that can be, and says so") {
  Scene scene("loop_driver");
  scene.know(scale_function(), scene.source());
  const auto script = scene.folder.path / "analyse", asked = scene.folder.path / "asked";
  std::ofstream(script) << "#!/bin/sh\necho once >> " << asked.string()
                        << "\necho 'ak-analyse: there is no clang' >&2\nexit 4\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  scene.settings.analyser = script;
  const auto note = [&](const std::string& driver, const std::string& nvrtc, Mode mode, const std::string& build = {}) {
    Winner winner = scene.one_kernel();
    winner.driver = driver, winner.nvrtc = nvrtc, winner.build = build;
    scene.win(scale_function(), winner, {"scales"});
    std::filesystem::remove(asked);
    scene.settings.mode = mode;
    Array a(300), b(300);
    Context::Impl context(scene.settings);
    const Loop scale(context.loop(scene.source(), {}));
    scale(nullptr, 300, 2.f, a.data(), b.data());
    CHECK(fake::launches().back().kernel == "scale_1");
    return scale.explain(300, 2.f, a.data(), b.data()).note;
  };
  const auto serves_as_before = [](const std::string& words) { return words.find("before") != std::string::npos; };
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune)));
  CHECK(!std::filesystem::exists(asked));
  CHECK_HAS(note("100.1", "", Mode::tune),
            fmt::format("serves as it was proven before, the driver is now {}, was 100.1", driver_version()));
  CHECK(std::filesystem::exists(asked));
  CHECK_HAS(note("100.1", "", Mode::hit), "serves as it was proven before, the driver is now ");
  CHECK(!std::filesystem::exists(asked));
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune, std::string(build_digest()))));
  CHECK_HAS(note(driver_version(), "", Mode::tune, "another"),
            "serves as it was proven before, it was made by another build of the library");
  CHECK(std::filesystem::exists(asked));
  // What another build has read is read again where it can be.
  scene.know(scale_function(), scene.source(), {}, std::string(build_digest()));
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune)));
  CHECK(!std::filesystem::exists(asked));
  scene.know(scale_function(), scene.source(), {}, "another");
  CHECK(!serves_as_before(note(driver_version(), "", Mode::tune)));
  CHECK(std::filesystem::exists(asked));
  if (!compiler_version().empty() && !compiler_version_on_disk().empty()) {
    CHECK(!serves_as_before(note(driver_version(), compiler_version(), Mode::tune)));
    CHECK_HAS(note(driver_version(), "11.0", Mode::tune),
              fmt::format("serves as it was proven before, NVRTC is now {}, was 11.0", compiler_version()));
  }
}

TEST_CASE(
    "loop: without the analyser one thread runs the bare text; where it is there it is asked, and a missing compiler named") {
  Scene scene("loop_bare");
  const auto program = scene.folder.path / "analyse";
  std::filesystem::create_directories(scene.folder.path);
  scene.settings.analyser = program;
  Array a(300), b(300);
  std::vector<float> x(300), y(300, 1);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), &scale_on_host));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(a.data()[299] == 598);
  CHECK(fake::launches().back().kernel == "scale_serial_1_");
  CHECK(scaled_on_host == 0);
  Explanation e = scale.explain(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");
  CHECK_HAS(e.note, "no program ak-analyse");
  CHECK_HAS(e.note, "passing");
  scale(nullptr, 300, 2.f, x.data(), y.data());
  CHECK(scaled_on_host == 1);
  CHECK_HAS(error_of([&] { scale(nullptr, 400, 2.f, a.data(), b.data()); }), "its memory ends after 300");

  // The first words of one that is there.
  loop::Verdict verdict;
  verdict.function = scale_function();
  std::ofstream(scene.folder.path / "verdict.json") << write_json(verdict);
  std::ofstream(program) << "#!/bin/sh\ncat " << (scene.folder.path / "verdict.json").string() << "\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  e = scale.prepare(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");
  CHECK_HAS(e.note, "/nowhere/cc");
  CHECK_HAS(e.note, "passing");
  CHECK(scene.store()->find_work(loop::kLoopSource, loop::source_key("scale", kText, {})));
}

namespace {

// A loop that is ported, of a function that does nothing, as the fake driver's kernels do.
struct Ported : Scene {
  explicit Ported(const char* name) : Scene(name) {
    const auto program = folder.path / "analyse";
    std::filesystem::create_directories(folder.path);
    verdict.function = {"same", ScalarType::none, {size("n"), array("a", i32("n"))}, {}, {}};
    verdict.function.body = {made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), at("a", i32("i")))})};
    std::ofstream(folder.path / "verdict.json") << write_json(verdict);
    std::ofstream(program) << "#!/bin/sh\ncat " << (folder.path / "verdict.json").string() << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    settings.analyser = program, settings.compiler = "", settings.worker = testing::kProgram;
    settings.isolation = Isolation::in_process, settings.loop_budget_s = 60;
  }
  static Loop same(Context::Impl& context) {
    return Loop(context.loop(source("void same(int n, float a[n]) { for (int i = 0; i < n; ++i) a[i] = a[i]; }", "same"), {}));
  }
  static bool hangs(const char* asked) {
    for (const Deadline deadline = Deadline::in(60); fake::hanging(asked) == 0 && !deadline.passed();)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return fake::hanging(asked) == 1;
  }

  loop::Verdict verdict;
};

}  // namespace

TEST_CASE("loop: a port has the turn of its GPU while a kernel is proven and while it is timed, and gives it back") {
  Ported scene("loop_turn");
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  Array a(300);
  const auto another_has_it = [&] {
    return DeviceTurn(scene.store()->folder(), device_uuid()).take(Deadline::in(0)) != nullptr;
  };
  fake::hang("cuLaunchKernelEx"), fake::hang("cuEventElapsedTime");
  Explanation e;
  std::thread caller([&] {
    const ContextScope scope(scene.own->handle);
    e = same.prepare(300, a.data());
  });
  for (const char* asked : {"cuLaunchKernelEx", "cuEventElapsedTime"}) {  // the proof's first launch, the first time
    CAPTURE(asked);
    CHECK(scene.hangs(asked));
    CHECK_FALSE(another_has_it());
    fake::release(asked);
  }
  caller.join();
  CHECK(another_has_it());
  CHECK(e.source == "this process");
}

TEST_CASE("loop: a port behind the calls rests when it has used the GPU, two thirds of the time") {
  Ported scene("loop_rests");
  scene.settings.mode = Mode::background;
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  Array a(300);
  fake::hang("cuEventElapsedTime");
  same(nullptr, 300, a.data());
  CHECK(fake::launches().back().kernel == "same_serial_1_");
  CHECK(same.epoch() == 0);
  CHECK(scene.hangs("cuEventElapsedTime"));
  constexpr double kUsed = 0.3;
  std::this_thread::sleep_for(std::chrono::duration<double>(kUsed));
  fake::release("cuEventElapsedTime");
  const auto released = Clock::now();
  const auto kept = [&] { return same.prepare(300, a.data()).source != "serial"; };  // it is joined
  CHECK(kept());
  CHECK(seconds_since(released) >= kUsed * (1 / kDutyBehind - 1));
  CHECK(same.epoch() == 1);  // graphs that hold the one thread are worth capturing again
  same(nullptr, 300, a.data());
  CHECK(same.epoch() == 1);
}

TEST_CASE("loop: arrays that take more device memory than a search may have are not timed, and what serves says so") {
  Ported scene("loop_bytes");
  scene.settings.search_bytes = 1000;
  Context::Impl context(scene.settings);
  const Loop same = scene.same(context);
  Array a(300);
  const Explanation e = same.prepare(300, a.data());
  CHECK(e.source == "this process");
  const auto record = scene.store()->find_work(loop::kLoop, scene.key(scene.verdict.function));
  REQUIRE(record);
  for (const SizeRow& row : loop::read_winner(record->text).sizes) CHECK(row.size < 250);
  CHECK_HAS(e.note, "not timed at 300 iterations: its arrays take 1200 bytes of device memory, 1000 may be taken");
  same(nullptr, 300, a.data());
  CHECK(fake::launches().back().kernel == "same_serial_1_");
}

TEST_CASE("loop: where the process's budget is used up nothing is ported, and what serves says so") {
  Scene scene("loop_budget");
  scene.know(scale_function(), scene.source());
  scene.settings.process_budget_s = 0;
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  Array a(300), b(300);
  const Explanation e = scale.prepare(300, 2.f, a.data(), b.data());
  CHECK(e.source == "serial");
  CHECK_HAS(e.note, "the process budget is used up");
  CHECK_HAS(e.note, "AK_PROCESS_BUDGET_S");
}

TEST_CASE("loop: a pointer without a length is served by one thread on the GPU, and not copied") {
  Scene scene("loop_lengths");
  const std::string text = "void scale(int n, float k, float *a, const float *b) { } // fake kernel: scales\n";
  Array a(300), b(300);
  std::vector<float> x(300);
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(text), {}));
  scale(nullptr, 300, 2.f, a.data(), b.data());
  CHECK(a.data()[299] == 598);
  CHECK_HAS(error_of([&] { scale(nullptr, 300, 2.f, x.data(), x.data()); }), "the length of b cannot be known");
}

namespace {
void scale_for_c(void* const* v) {
  scale_on_host(*static_cast<int*>(v[0]), *static_cast<float*>(v[1]), *static_cast<float**>(v[2]),
                *static_cast<const float**>(v[3]));
}
void total_for_c(void* const* v) {
  *static_cast<float*>(v[0]) = total_on_host(*static_cast<int*>(v[1]), 0, *static_cast<const float**>(v[3]));
}
}  // namespace

TEST_CASE("loop: the C API") {
  Scene scene("loop_c");
  scene.win_scale();
  scene.know(total_function(), scene.source(kTotalText, "total"));
  const std::string folder = scene.folder;
  ak_options options = AK_OPTIONS_INIT;
  options.cache_dir = folder.c_str();
  ak_context* context = nullptr;
  REQUIRE(ak_context_create(&options, &context) == ak_status_ok);
  ak_loop_options more = AK_LOOP_OPTIONS_INIT;
  more.text = kText.c_str(), more.host = &scale_for_c;
  ak_loop* scale = nullptr;
  REQUIRE(ak_loop_open(context, "filters.c", "scale", &more, &scale) == ak_status_ok);
  Array a(300), b(300);
  int n = 300;
  float k = 2;
  float *pa = a.data(), *pb = b.data();
  void* const values[] = {&n, &k, &pa, &pb};
  CHECK(ak_loop_call(scale, nullptr, values, 4) == ak_status_ok);
  CHECK(pa[299] == 598);
  CHECK(ak_loop_call(scale, nullptr, values, 4) == ak_status_ok);
  fake::forget();
  CHECK(ak_loop_call(scale, nullptr, values, 4) == ak_status_ok);
  CHECK(fake::count("cuCtxGetId") == 1);
  CHECK(fake::calls().size() == 2);  // with the launch
  CHECK(ak_loop_call(scale, nullptr, values, 3) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "values: 3 arguments, the function takes 4");
  void* const hole[] = {&n, nullptr, &pa, &pb};
  CHECK(ak_loop_call(scale, nullptr, hole, 4) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()) == "values[1]: is null");
  CHECK(ak_loop_call(nullptr, nullptr, values, 4) == ak_status_invalid_argument);
  CHECK(ak_loop_call(scale, nullptr, nullptr, 4) == ak_status_invalid_argument);
  ak_explanation explanation = AK_EXPLANATION_INIT;
  CHECK(ak_loop_prepare(scale, values, 4, &explanation) == ak_status_ok);
  CHECK(std::string(explanation.served_by) == "map block=256");
  CHECK(ak_loop_explain(scale, values, 4, nullptr) == ak_status_ok);
  std::uint64_t epoch = 0;
  CHECK(ak_loop_epoch(scale, &epoch) == ak_status_ok);
  CHECK(epoch == 1);
  CHECK(ak_loop_epoch(scale, nullptr) == ak_status_invalid_argument);
  ak_loop_close(scale);
  ak_loop_close(nullptr);
  ak_loop* none = nullptr;
  CHECK(ak_loop_open(context, nullptr, "scale", &more, &none) == ak_status_invalid_argument);
  const char* flags[] = {nullptr};
  more.flags = flags, more.flag_count = 1;
  CHECK(ak_loop_open(context, "filters.c", "scale", &more, &none) == ak_status_invalid_argument);
  CHECK(none == nullptr);
  more = AK_LOOP_OPTIONS_INIT;
  const char* lengths[] = {"a"};
  more.lengths = lengths, more.length_count = 1;
  CHECK(ak_loop_open(context, "filters.c", "scale", &more, &none) == ak_status_invalid_argument);
  // What the C function returns.
  more = AK_LOOP_OPTIONS_INIT;
  more.text = kTotalText.c_str(), more.host = &total_for_c;
  options.mode = ak_mode_off;
  ak_context* off = nullptr;
  REQUIRE(ak_context_create(&options, &off) == ak_status_ok);
  ak_loop* total = nullptr;
  REQUIRE(ak_loop_open(off, "filters.c", "total", &more, &total) == ak_status_ok);
  std::vector<float> x(10, 3);
  float result = 0, *presult = &result;
  const float* px = x.data();
  std::int64_t first = 0;
  int ten = 10;
  void* const given[] = {&presult, &ten, &first, &px};
  CHECK(ak_loop_call(total, nullptr, given, 4) == ak_status_ok);
  CHECK(result == 30);
  ak_loop_close(total);
  ak_context_destroy(off);
  ak_context_destroy(context);
}
