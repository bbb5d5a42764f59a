// Calls of loops on the fake driver: arguments, how arrays overlap, scratch memory, hits, the C API.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "ak/loop.h"
#include "context/context.hpp"
#include "gpu/device.hpp"
#include "loop_scene.hpp"
#include "quick_driver.hpp"
#include "tests/allocations.hpp"
#include "tests/gpu/lock_count.hpp"

using namespace loop_scene;

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
    const LoopMemory memory = look_at(prototype, function, {}, values, LoopResidency::host);
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
  CHECK(text(look_at(prototype, function, {}, values, LoopResidency::host).call) == "q=p+150 r=p+240 s=p+75");
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

TEST_CASE("loop: values without types are of those that the source is read to have, also when it is read better later") {
  Scene scene("loop_types");
  Context::Impl context(scene.settings);
  const Loop scale(context.loop(scene.source(), {}));
  Array a(300), b(300), g(300);
  int n = 300;
  float k = 2;
  float *pa = a.data(), *pb = b.data(), *pg = g.data();
  void* const values[] = {&n, &k, &pa, &pb, &pg};
  scale.call(nullptr, nullptr, values, 4);  // read without the analyser
  CHECK(fake::launches().back().kernel == "scale_serial_1_");
  Function more = scale_function();  // which finds an array of file scope
  more.parameters.push_back(array("g", i32("n"))), more.parameters.back().implicit = true;
  scene.know(more, scene.source());
  scene.win(more, scene.one_kernel(), {"scales"});
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  CHECK_HAS(error_of([&] { scale.call(nullptr, nullptr, values, 4); }), "takes 5 arguments");
  scale.call(nullptr, nullptr, values, 5);
  CHECK(fake::launches().back().kernel == "scale_1");
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
  CHECK(std::string(ak_last_error()) == "scale: takes 4 arguments (int n, float k, float* a, const float* b), not 3");
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
  CHECK(ak_loop_open(context, "", "scale", nullptr, &none) == ak_status_invalid_argument);
  CHECK(ak_loop_open(context, "filters.c", "", nullptr, &none) == ak_status_invalid_argument);
  Options own;
  own.cache_dir = folder;
  Context in_cpp(own);
  CHECK_THROWS_WITH_AS(in_cpp.loop("filters.c", ""), "function: is empty", Error);
  CHECK_THROWS_WITH_AS(in_cpp.loop("", "scale"), "file: is empty", Error);
  CHECK(std::string(ak_last_error()) == "function: is empty");
  for (const char* wrong : {"a", "=n", ""}) {
    more = AK_LOOP_OPTIONS_INIT;
    more.lengths = &wrong, more.length_count = 1;
    CHECK(ak_loop_open(context, "filters.c", "scale", &more, &none) == ak_status_invalid_argument);
    CHECK_HAS(std::string(ak_last_error()), "is not NAME=LENGTH");
  }
  // What there is no room for is not searched for.
  more = AK_LOOP_OPTIONS_INIT;
  more.text = kTotalText.c_str();
  REQUIRE(ak_loop_open(context, "filters.c", "total", &more, &none) == ak_status_ok);
  std::int64_t zero = 0;
  void* const of_total[] = {&pa, &n, &zero, &pb};
  explanation.size = 5;
  fake::forget();
  CHECK(ak_loop_prepare(none, of_total, 4, &explanation) == ak_status_invalid_argument);
  CHECK_HAS(std::string(ak_last_error()), "explanation: its size 5");
  CHECK(fake::calls().empty());
  ak_loop_close(none);
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
