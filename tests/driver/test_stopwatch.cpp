// A stop reaches timing: no stopwatch, and nothing that holds one, goes on to its deadline.
#include <doctest/doctest.h>

#include <climits>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "fake_driver.hpp"
#include "own_context.hpp"
#include "plan/resources.hpp"
#include "proof/testbed.hpp"
#include "runner/vendor_survey.hpp"
#include "timing/stopwatch.hpp"

using namespace ak;

namespace {

// Of a wait that goes on there are thousands.
constexpr int kFewLooks = 20;

struct Timed {
  OwnContext context;
  std::optional<GpuQueue> queue;
  std::optional<Stopwatch> watch;
  std::stop_source stop;
  int launched = 0;
  Launch launch = [this](CUstream, int) { ++launched; };
  Timed() {
    fake::reset();
    queue.emplace();
    watch.emplace(*queue, resources().support_kernel("ak_clocks"), 4, Rotation{});
    fake::forget();
  }
  ~Timed() {
    watch.reset(), queue.reset();
    context.end();
  }
  Deadline deadline() const { return Deadline::in(10, stop.get_token()); }
};

}  // namespace

TEST_CASE("an estimate ends at a stop, not at its deadline") {
  Timed timed;
  const Launch stops_in_the_second = [&](CUstream stream, int) {
    if (++timed.launched == 2) fake::busy(stream, true), timed.stop.request_stop();
  };
  CHECK_THROWS_AS(timed.watch->estimate(stops_in_the_second, 5, timed.deadline()), TimedOut);
  CHECK(timed.launched == 2);
  CHECK(fake::count("cuEventQuery") < kFewLooks);
}

TEST_CASE("a window ends at a stop, with the rounds that it has") {
  Timed timed;
  const Arm first = timed.watch->arm(timed.launch, 10, 1, timed.deadline());
  const Arm second = timed.watch->arm(timed.launch, 10, 1, timed.deadline());
  const Arm* const arms[] = {&first, &second};
  int before_last = 0;
  const auto window = [&](int rounds) {
    before_last = 0;
    return timed.watch->window(arms, rounds, timed.deadline(), [&] { ++before_last; });
  };
  CHECK(window(7).us[0].size() == 7);
  fake::forget();
  SUBCASE("in the middle") {
    std::jthread stops([&] {
      while (fake::count("cuGraphLaunch") < 40) std::this_thread::yield();
      timed.stop.request_stop();
    });
    const auto began = Clock::now();
    const Window cut = window(INT_MAX);
    CHECK(seconds_since(began) < 5);
    CHECK(cut.us[0].size() >= 15);
    CHECK(cut.us[1].size() == cut.us[0].size());
    CHECK(before_last == 1);
  }
  SUBCASE("before it began") {
    timed.stop.request_stop();
    const Window cut = window(1000);
    CHECK(cut.us[0].size() == 2);  // one is always enqueued ahead
    CHECK(before_last == 1);
    fake::forget();
    fake::busy(timed.queue->stream(), true);
    CHECK_THROWS_AS(window(1000), TimedOut);
    CHECK(fake::count("cuEventQuery") < kFewLooks);
    CHECK(fake::count("cuGraphLaunch") == 2);  // the untimed round
  }
}

TEST_CASE("beside an application short graphs are replayed more often, and what is least disturbed tells which arm is faster") {
  Timed timed;
  // Of ten replays the application leaves one alone, and it holds the faster arm up more than the slower one.
  std::vector<float> ms;
  for (int i = 0; i < 10; ++i) ms.insert(ms.end(), i == 7 ? std::initializer_list<float>{0.10f, 0.12f} : std::initializer_list<float>{0.9f, 0.5f});
  const auto ratio = [&](GpuFor gpu, std::size_t& replays) {
    Stopwatch watch(*timed.queue, resources().support_kernel("ak_clocks"), 4, Rotation{}, gpu);
    const Arm faster = watch.arm(timed.launch, 1000, 10, timed.deadline()), slower = watch.arm(timed.launch, 1000, 12, timed.deadline());
    const Arm* const arms[] = {&faster, &slower};
    fake::elapsed_ms(ms);
    const Window window = watch.window(arms, 9, timed.deadline());
    replays = window.us[0].size();
    CHECK(window.us[1].size() == replays);
    if (gpu == GpuFor::others_too) CHECK(window.typical(0) == doctest::Approx(10));
    return window.ratio(0, 1) * slower.launches / faster.launches;
  };
  std::size_t alone = 0, beside = 0;
  CHECK(ratio(GpuFor::this_alone, alone) < 1);
  CHECK(ratio(GpuFor::others_too, beside) == doctest::Approx(1.2));
  CHECK(alone == 9);
  CHECK(beside > 100);
}

TEST_CASE("cuBLASLt's ways are surveyed no longer than until a stop") {
  fake::reset();
  OwnContext context;
  {
    const Problem problem = parse_problem("64x256x256 relu");
    Testbed bed(problem, problem, resources(), Allowance{});
    const RotatingSets sets(bed.queue, bed.probe, problem, resources().facts());
    Stopwatch watch(bed.queue, resources().support_kernel("ak_clocks"), 4, rotation_of(sets));
    std::stop_source stop;
    const auto survey = [&] {
      fake::forget();
      VendorSurvey(bed, watch, sets).run(Deadline::in(10, stop.get_token()));
    };
    survey();
    const int whole = fake::count("cuGraphLaunch");
    stop.request_stop();
    survey();  // the first of each kind is timed all the same, in the two rounds that a window has at least
    const int arms = fake::count("cuGraphInstantiateWithFlags") + fake::count("cuGraphInstantiate");
    CHECK(arms > 0);
    CHECK(fake::count("cuGraphLaunch") == 3 * arms);
    CHECK(fake::count("cuGraphLaunch") < whole);
    fake::busy(bed.queue.stream(), true);
    CHECK_THROWS_AS(survey(), TimedOut);
    CHECK(fake::count("cuEventQuery") < kFewLooks);
    fake::busy(bed.queue.stream(), false);
  }
  context.end();
}
