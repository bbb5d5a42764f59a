// The guard of loops: one call in so many is checked against the C function.
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "context/context.hpp"
#include "loop_scene.hpp"

using namespace ak;
using namespace loop_scene;

namespace {

constexpr int kCount = 300;

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

// A loop whose kernel leaves what a test says; its times are the fake driver's.
struct GuardedLoop : Scene {
  explicit GuardedLoop(const char* name, bool with_host = true) : Scene(name) {
    fake::elapsed_ms(1e-6f);
    fake::kernel("scales, and more", [this](const fake::Launch& launch) {
      ++launched;
      const bool check = taken<float*>(launch.parameters, 2) != a.data();
      to_caller += !check;
      const bool wrong = check && wrong_checks > 0 && wrong_checks-- > 0;
      for (int i = 0; i < taken<int>(launch.parameters, 0); ++i)
        taken<float*>(launch.parameters, 2)[i] =
            taken<float>(launch.parameters, 1) * taken<const float*>(launch.parameters, 3)[i] + (wrong ? 1 : 0);
    });
    win_scale("scales, and more");
    settings.guard_every = 1, settings.mode = Mode::hit;
    context = std::make_unique<Context::Impl>(settings);
    scale = std::make_unique<Loop>(context->loop(source(), with_host ? LoopHost(&scale_on_host) : LoopHost()));
  }
  ~GuardedLoop() {
    scale.reset();
    context.reset();
  }
  void call(Stream stream = nullptr) { (*scale)(stream, kCount, 2.f, a.data(), b.data()); }
  Explanation explain() { return scale->explain(kCount, 2.f, a.data(), b.data()); }
  template <class Done>
  bool calls_until(const Done& done) {
    for (const Deadline deadline = Deadline::in(30); !done(context->counters()) && !deadline.passed(); nap()) call();
    return done(context->counters());
  }
  // What stands in the store: whether the record serves, whether it is to be gone on with.
  std::pair<bool, bool> record() {
    const auto found = store()->find_work(loop::kLoop, key(scale_function()));
    REQUIRE(found);
    return {!found->local.empty(), loop::read_winner(found->text).unfinished};
  }

  Array a{kCount}, b{kCount};
  std::atomic<int> wrong_checks{0}, launched{0}, to_caller{0};
  std::unique_ptr<Context::Impl> context;
  std::unique_ptr<Loop> scale;
};

}  // namespace

TEST_CASE("loop guard: a call is checked on copies, writes the caller's arrays once, and waits for nothing") {
  GuardedLoop guarded("loop_guard");
  CHECK(guarded.calls_until([](const Counters& c) { return c.guarded >= 3; }));
  CHECK(guarded.context->counters().guard_mismatches == 0);
  CHECK(guarded.a.data()[kCount - 1] == 2 * (kCount - 1));
  CHECK(scaled_on_host >= 3);
  CHECK(guarded.explain().source == "store");

  const OwnedStream stream = OwnedStream::make();
  int launched = 0, mine = 0;
  for (const Deadline deadline = Deadline::in(30); launched < 2 && !deadline.passed(); nap()) {  // one that is checked
    fake::forget();
    const int before = guarded.launched, to_caller = guarded.to_caller;
    guarded.call(stream.get());
    launched = guarded.launched - before;
    CHECK(guarded.to_caller == to_caller + 1);
  }
  CHECK(launched == 2);
  const int caller = fake::launches().back().thread;
  for (const fake::Call& call : fake::calls()) {
    if (call.thread != caller) continue;
    ++mine;
    CHECK_MESSAGE((call.name != "cuStreamSynchronize" && call.name != "cuEventSynchronize" && call.name != "cuMemAlloc" &&
                   call.name != "cuMemcpyDtoHAsync" && call.name != "cuCtxSynchronize"),
                  call.name);
  }
  CHECK(mine > 4);
}

TEST_CASE("loop guard: a mismatch is met again before a kernel is accused; then the C function serves, and the record nobody") {
  GuardedLoop guarded("loop_guard_wrong");
  REQUIRE(guarded.calls_until([](const Counters& c) { return c.guarded >= 1; }));
  const auto epoch = guarded.scale->epoch();
  guarded.wrong_checks = 1000;
  CHECK(guarded.calls_until([](const Counters& c) { return c.guard_demotions == 1; }));
  const Counters counters = guarded.context->counters();
  CHECK(counters.guard_mismatches == 2);
  const Explanation e = guarded.explain();
  CHECK(e.source == "guard");
  CHECK(e.served_by == "the C function");
  CHECK(guarded.scale->epoch() == epoch + 1);
  CHECK(e.note.find("the guard took map block=256 away: a[") != std::string::npos);
  const int launched = guarded.launched;
  guarded.call();
  CHECK(guarded.launched == launched);
  CHECK(guarded.a.data()[kCount - 1] == 2 * (kCount - 1));
  for (const Deadline deadline = Deadline::in(30); guarded.record().first && !deadline.passed();) nap();
  CHECK_FALSE(guarded.record().first);

  // In a capture, which the C function cannot be in, one thread serves.
  const OwnedStream stream = OwnedStream::make();
  CUgraph graph = nullptr;
  check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  guarded.call(stream.get());
  CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
  CHECK(fake::launches().back().kernel == "scale_serial_1_");
  guarded.call();
  CHECK(guarded.launched == launched);

  Context::Impl later(guarded.settings);
  const Loop scale(later.loop(guarded.source(), &scale_on_host));
  scale(nullptr, kCount, 2.f, guarded.a.data(), guarded.b.data());
  CHECK(guarded.launched == launched);
  CHECK(scale.explain(kCount, 2.f, guarded.a.data(), guarded.b.data()).source == "serial");
}

TEST_CASE("loop guard: the record of an older build, whose text has fewer fields, is accused as well") {
  GuardedLoop guarded("loop_guard_older");
  auto older = guarded.store()->find_work(loop::kLoop, guarded.key(scale_function()));
  REQUIRE(older);
  const std::string younger = R"(,"moved_us":0.0,"call_us":0.0)";
  const auto at = older->text.find(younger);
  REQUIRE(at != older->text.npos);
  older->text.erase(at, younger.size());
  guarded.store()->put_work(*older);
  guarded.wrong_checks = 1000;
  CHECK(guarded.calls_until([](const Counters& c) { return c.guard_demotions == 1; }));
  for (const Deadline deadline = Deadline::in(30); guarded.record().first && !deadline.passed();) nap();
  CHECK_FALSE(guarded.record().first);
}

TEST_CASE("loop guard: a check that a closed loop has left runs its C function no more") {
  static std::atomic<int> ran;
  ran = 0;
  GuardedLoop guarded("loop_guard_closed");
  REQUIRE(guarded.calls_until([](const Counters& c) { return c.guarded >= 1; }));
  auto closed = std::make_unique<Loop>(
      guarded.context->loop(guarded.source(), LoopHost(+[](int, float, float*, const float*) { ++ran; })));
  const OwnedStream stream = OwnedStream::make();
  fake::busy(stream.get(), true);
  const auto checked = [&] { return fake::count("cuEventRecord"); };
  for (const int before = checked(); checked() == before; nap())
    (*closed)(stream.get(), kCount, 2.f, guarded.a.data(), guarded.b.data());
  closed.reset();
  fake::busy(stream.get(), false);
  const auto met = guarded.context->counters().guarded;
  CHECK(guarded.calls_until([&](const Counters& c) { return c.guarded >= met + 1; }));
  CHECK(ran == 0);
}

TEST_CASE("loop guard: one mismatch alone accuses nobody") {
  GuardedLoop guarded("loop_guard_once");
  REQUIRE(guarded.calls_until([](const Counters& c) { return c.guarded >= 1; }));
  for (int i = 1; i <= 2; ++i) {
    guarded.wrong_checks = 1;
    CHECK(guarded.calls_until([&](const Counters& c) { return c.guard_mismatches == i; }));
    const auto met = guarded.context->counters().guarded;
    CHECK(guarded.calls_until([&](const Counters& c) { return c.guarded >= met + 2; }));
  }
  CHECK(guarded.context->counters().guard_demotions == 0);
  CHECK(guarded.explain().source == "store");
  CHECK(guarded.record() == std::pair(true, false));
}

TEST_CASE("loop guard: a kernel that takes longer than the C function and its copies makes way, and is to be timed again") {
  GuardedLoop guarded("loop_guard_slow");
  fake::elapsed_ms(1e6f);
  CHECK(guarded.calls_until([](const Counters& c) { return c.guard_demotions == 1; }));
  CHECK(guarded.context->counters().guarded >= 8);
  CHECK(guarded.context->counters().guard_mismatches == 0);
  CHECK(guarded.explain().source == "guard");
  CHECK(guarded.explain().note.find("of the time that the C function and its copies take") != std::string::npos);
  for (const Deadline deadline = Deadline::in(30); !guarded.record().second && !deadline.passed();) nap();
  CHECK(guarded.record() == std::pair(true, true));
}

TEST_CASE("loop guard: without a C function, in a capture and on the host's own arrays nothing is checked") {
  GuardedLoop guarded("loop_guard_none", false);
  for (int i = 0; i < 20; ++i) guarded.call(), nap();
  CHECK(guarded.context->counters().guarded == 0);
  CHECK(guarded.launched == 20);

  GuardedLoop checked("loop_guard_capture");
  CHECK(checked.calls_until([](const Counters& c) { return c.guarded >= 1; }));
  const OwnedStream stream = OwnedStream::make();
  CUgraph graph = nullptr;
  fake::forget();
  check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  for (int i = 0; i < 20; ++i) checked.call(stream.get()), nap();
  CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
  CHECK(fake::launches().size() == 20);
  std::vector<float> x(kCount), y(kCount, 1);
  fake::forget();
  for (int i = 0; i < 20; ++i) (*checked.scale)(nullptr, kCount, 2.f, x.data(), y.data()), nap();
  CHECK(fake::launches().size() <= 20);
  CHECK(fake::count("cuMemcpyDtoDAsync") == 0);
}

TEST_CASE(
    "loop guard: a check that fails later is logged and the next one follows; where its stream fails, none, and that is said") {
  std::mutex mutex;
  std::string lines;
  const ScopedLogSink sink([&](LogLevel, std::string_view line) {
    const std::lock_guard lock(mutex);
    lines += std::string(line) + "\n";
  });
  const auto logged = [&](const char* what) {
    const std::lock_guard lock(mutex);
    return lines.find(what) != lines.npos;
  };
  set_log_level(LogLevel::warn);
  GuardedLoop guarded("loop_guard_fails");
  REQUIRE(guarded.calls_until([](const Counters& c) { return c.guarded >= 1; }));
  fake::fail("cuEventElapsedTime", CUDA_ERROR_UNKNOWN);
  CHECK(guarded.calls_until([&](const Counters&) { return logged("a check came to nothing: reading event times"); }));
  const auto met = guarded.context->counters().guarded;
  CHECK(guarded.calls_until([&](const Counters& c) { return c.guarded >= met + 2; }));
  CHECK_FALSE(logged("any more"));

  fake::fail("cuEventQuery", CUDA_ERROR_UNKNOWN);
  CHECK(guarded.calls_until(
      [&](const Counters&) { return logged("the guard of loops checks nothing on this device any more"); }));
  const int to_caller = guarded.to_caller, launched = guarded.launched;
  for (int i = 0; i < 20; ++i) guarded.call(), nap();
  CHECK(guarded.to_caller == to_caller + 20);
  CHECK(guarded.launched == launched + 20);
  set_log_level(LogLevel::off);
}
