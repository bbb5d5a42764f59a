// Mode background: calls are served at once, searches run behind them, winners take their place.
#include <thread>
#include <vector>

#include "context/bound_plan.hpp"
#include "fake_machine.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

template <class Holds>
bool in_time(const Holds& holds) {
  for (const auto until = Clock::now() + std::chrono::seconds(60); Clock::now() < until;
       std::this_thread::sleep_for(std::chrono::milliseconds(2)))
    if (holds()) return true;
  return false;
}

bool won(Fixture& f) {
  return in_time([&] { return f.context->explain(f.problem).source == "this process"; });
}

// The search goes on until the world's gate is opened.
struct Gated : Fixture {
  explicit Gated(Settings settings = quick(Mode::background)) : Fixture(std::move(settings)) { world.gate = true; }
};

}  // namespace

TEST_CASE("background: cuBLASLt serves while the search runs, then the winner does") {
  Gated f;
  f.call();
  CHECK(FakePlan::vendor_ran_last);
  CHECK(in_time([&] { return f.world.searching == 1; }));
  for (int i = 0; i < 5; ++i) f.call();
  CHECK(f.world.launched == 6);
  CHECK(FakePlan::vendor_ran_last);
  CHECK(f.world.vendor_plans == 1);
  CHECK(f.context->counters().searches == 0);
  Explanation e = f.context->explain(f.problem);
  CHECK(e.source == "vendor fallback");
  CHECK(e.note.starts_with("it is searched for behind the calls"));
  const auto bound = f.context->bind(f.problem);
  f.context->matmul_act(nullptr, *bound, {});
  CHECK(FakePlan::vendor_ran_last);
  CHECK(f.context->epoch() == 0);
  f.world.gate = false;
  REQUIRE(won(f));
  CHECK(f.context->epoch() == 1);
  CHECK(f.context->epoch(*bound) == 1);
  f.context->matmul_act(nullptr, *bound, {});
  CHECK_FALSE(FakePlan::vendor_ran_last);
  f.call();
  CHECK_FALSE(FakePlan::vendor_ran_last);
  CHECK(f.context->counters().searches == 1);
  CHECK(f.world.allowance.niceness == 19);
  CHECK(f.world.allowance.duty == 0.05);
}

TEST_CASE("background: asked for again, a search that waits or runs is joined; one that was in vain is made again") {
  Gated f;
  f.call();
  CHECK(in_time([&] { return f.world.searching == 1; }));
  f.now += std::chrono::seconds(2);
  f.call();  // looks again, and joins
  f.world.runner_breaks = true;
  f.world.no_memory = true;
  f.world.gate = false;
  CHECK(in_time([&] { return f.world.searching == 0 && f.context->counters().searches == 1; }));
  CHECK(in_time([&] { return f.context->explain(f.problem).note.find("the search failed") != std::string::npos; }));
  f.call();
  CHECK(FakePlan::vendor_ran_last);
  CHECK(f.world.runners == 1);
  f.world.runner_breaks = f.world.no_memory = false;
  f.now += std::chrono::seconds(120);
  f.call();
  REQUIRE(won(f));
  CHECK(f.context->counters().searches == 2);
}

TEST_CASE("background: a search that was in vain is made again though no call comes, as of what graphs hold none does") {
  Fixture f(quick(Mode::background));
  f.world.no_memory = f.world.capturing = true;
  f.call();
  CHECK(in_time([&] { return f.world.runners >= 1 && f.world.searching == 0; }));
  CHECK(f.context->epoch() == 0);
  f.world.no_memory = false;
  REQUIRE(won(f));
  CHECK(f.context->epoch() == 1);
  CHECK(f.world.launched == 1);
}

TEST_CASE("background: what a capture meets is searched for behind it") {
  Fixture f(quick(Mode::background));
  f.world.capturing = true;
  f.call();
  CHECK(FakePlan::vendor_ran_last);
  REQUIRE(won(f));
  CHECK(f.context->epoch() == 1);
  f.call();
  CHECK_FALSE(FakePlan::vendor_ran_last);
}

TEST_CASE("background: a winner that needs more workspace than a plan's caller was told is no fault of that caller's") {
  Gated f;
  f.world.workspace = 4096;
  const auto bound = f.context->bind(f.problem);
  CHECK(f.context->workspace_bytes(*bound) == 0);
  char memory[1];
  CallArgs args{};
  args.workspace = memory, args.workspace_bytes = 256;
  f.context->matmul_act(nullptr, *bound, args);
  f.world.gate = false;
  REQUIRE(won(f));
  f.context->matmul_act(nullptr, *bound, args);
  CHECK(FakePlan::vendor_ran_last);
  CHECK(f.context->counters().scratch_fallbacks == 1);
  CHECK(f.context->workspace_bytes(*bound) == 4096);  // from now on it is known
  CHECK_THROWS_WITH_AS(f.context->matmul_act(nullptr, *bound, args), "workspace: 256 bytes, 4096 are needed", Error);
  args.workspace_bytes = 4096;
  f.context->matmul_act(nullptr, *bound, args);
  CHECK_FALSE(FakePlan::vendor_ran_last);
}

TEST_CASE("background: what is asked for by name is tuned in the call") {
  Fixture f(quick(Mode::background));
  CHECK(f.context->explain(f.problem).note == "cuBLASLt would serve it, and a search begin behind the calls");
  CHECK(f.context->prepare(f.problem).source == "this process");
  CHECK(f.world.allowance.duty == 1);  // somebody waits
  f.call();
  CHECK_FALSE(FakePlan::vendor_ran_last);
  CHECK(f.context->counters().searches == 1);
}

TEST_CASE("background: many threads, one search; its context ends in the midst of it") {
  Gated f;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) threads.emplace_back([&] { f.call(); });
  for (std::thread& thread : threads) thread.join();
  CHECK(f.world.launched == 16);
  CHECK(in_time([&] { return f.world.searching == 1; }));
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    f.world.gate = false;
  });
  f.context.reset();
  opener.join();
  CHECK(f.world.runners == 1);
  CHECK(f.world.searching == 0);
}

TEST_CASE("background: a record serves at once, whoever made it") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_background");
  Fixture tunes(settings);
  tunes.call();
  settings.mode = Mode::background;
  Fixture f(settings);
  f.call();
  CHECK_FALSE(FakePlan::vendor_ran_last);
  CHECK(f.context->explain(f.problem).source == "store");
  CHECK(f.world.runners == 0);
}
