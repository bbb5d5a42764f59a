// A call among other processes, threads and callbacks: leases, waits, stops and forks, on the fake machine.
#include <fmt/format.h>

#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "child_process.hpp"
#include "context/job.hpp"
#include "context/stored_quarantine.hpp"
#include "fake_machine.hpp"
#include "tune/lease.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

// What a process does that has the lease of a fixture's problem and never gives it back.
auto holds_the_lease(const Settings& settings, const Fixture& f) {
  return [&](ChildProcess& self) {
    Lease lease(settings.cache_dir, key_of(f.problem, f.world.hardware));
    self.say(lease.take() == Lease::State::held ? "y" : "n");
    for (;;) pause();
  };
}

}  // namespace

TEST_CASE("another process's search is waited for within the budget, then cuBLASLt serves and it is asked again later") {
  Settings settings = quick();
  settings.budget_s = 2;  // so that a machine's hiccup is small beside it
  settings.cache_dir = fresh_folder("test_context_lease");
  Fixture f(settings);
  ChildProcess holder(holds_the_lease(settings, f));
  REQUIRE(holder.text(1) == "y");
  holder.signal(SIGSTOP);

  auto start = Clock::now();
  f.call();
  const double waited = seconds_since(start);
  CHECK(waited >= 1.5 * settings.budget_s);  // as long as a search of its own might take
  CHECK(waited < 2.5 * settings.budget_s);   // for ever, a second budget's wait, and a search of its own are longer
  CHECK(f.world.runners == 0);
  CHECK(f.world.launched == 1);
  Explanation e = f.context->explain(f.problem);
  CHECK(e.source == "vendor fallback");
  CHECK(e.note.find("another process") != std::string::npos);
  CHECK(e.note.find("passing") != std::string::npos);
  CHECK(f.context->counters().lease_waits == 1);
  CHECK(f.context->counters().passing_fallbacks == 1);

  f.now += std::chrono::milliseconds(1100);  // a retry looks, and waits for nobody
  start = Clock::now();
  f.call();
  CHECK(seconds_since(start) < 0.9 * settings.budget_s);
  CHECK(f.context->counters().retries == 1);
  CHECK(f.world.runners == 0);

  holder.signal(SIGKILL);
  f.now += std::chrono::milliseconds(2100);
  f.call();
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->explain(f.problem).source == "this process");
}

TEST_CASE("a lease whose holder is killed is had at once") {
  Settings settings = quick();
  settings.budget_s = 20;
  settings.cache_dir = fresh_folder("test_context_killed");
  Fixture f(settings);
  ChildProcess holder(holds_the_lease(settings, f));
  REQUIRE(holder.text(1) == "y");
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    holder.signal(SIGKILL);
  });
  const auto start = Clock::now();
  f.call();
  killer.join();
  CHECK(seconds_since(start) < 5);
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->counters().lease_waits == 1);
  CHECK(f.context->counters().vendor_fallbacks == 0);
}

TEST_CASE("twelve processes together on an empty cache: one search, one winner" * doctest::skip(!kChildHasThreads)) {
  Settings settings = quick();
  settings.budget_s = 20;
  settings.cache_dir = fresh_folder("test_context_ranks");
  std::vector<ChildProcess> ranks;
  for (int i = 0; i < 12; ++i)
    ranks.emplace_back([&](ChildProcess& self) {
      Fixture f(settings);
      f.world.quick_s = 0.004;
      f.call();
      self.say(fmt::format("{} {}", f.context->counters().searches, f.context->explain(f.problem).served_by));
    });
  int searches = 0;
  std::string winner;
  for (ChildProcess& rank : ranks) {
    const std::string said = rank.text();
    REQUIRE(said.size() > 2);
    CHECK(rank.ended_well());
    searches += said.front() - '0';
    if (winner.empty()) winner = said.substr(2);
    CHECK(said.substr(2) == winner);
  }
  CHECK(searches == 1);
  CHECK(winner.starts_with("sm80"));
}

TEST_CASE("without a folder there is no lease, and explain says so; with one it is silent") {
  Fixture memory;
  memory.call();
  CHECK(memory.context->explain(memory.problem).note.find("without a lease") != std::string::npos);
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_lease_note");
  Fixture shared(settings);
  shared.call();
  CHECK(shared.context->explain(shared.problem).note.find("lease") == std::string::npos);
  CHECK(shared.context->store().find(shared.problem, shared.world.hardware)->provenance.note.find("lease") ==
        std::string::npos);
}

TEST_CASE("a forked child of a process that has tuned tunes itself" * doctest::skip(!kChildHasThreads)) {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_fork");
  Fixture f(settings);
  f.call();
  ChildProcess child([&](ChildProcess& self) {
    Problem other = f.problem;
    other.m = 512;
    f.context->matmul_act(nullptr, other, {});
    self.say(f.context->explain(other).source);
    f.context.reset();
  });
  CHECK(child.text() == "this process");
  CHECK(child.ended_well());
}

TEST_CASE("what nothing can serve is told to the caller, whatever thread found out") {
  Fixture f;
  f.world.runner_breaks = true;
  f.world.has_vendor = f.world.has_untuned = false;
  for (int i = 0; i < 2; ++i) CHECK_THROWS_WITH_AS(f.call(), doctest::Contains("cuBLASLt is not available"), Error);
  CHECK(f.world.runners == 2);
}

TEST_CASE("a progress callback that blocks holds no call past its time, and the end of the context stops its search") {
  Settings settings = quick();
  settings.budget_s = 0.3;
  std::atomic<bool> release{false};
  std::atomic<int> shown{0};
  std::atomic<std::thread::id> thread;
  settings.progress = [&](const TuneProgress&) {
    thread = std::this_thread::get_id();
    if (shown++ == 0)
      while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  Fixture f(settings);
  const auto start = Clock::now();
  f.call();
  CHECK(seconds_since(start) < 10);
  CHECK(thread.load() != std::this_thread::get_id());
  CHECK(f.world.launched == 1);
  CHECK(f.context->explain(f.problem).note.find("not ended in time") != std::string::npos);
  std::thread end([&] { f.context.reset(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  release = true;
  end.join();
  CHECK(shown < 3);
}

TEST_CASE("retune and prepare that meet a running search of a plain call do what they are asked, after it") {
  for (const bool retune : {true, false}) {
    CAPTURE(retune);
    Settings settings = quick();
    settings.budget_s = 20;
    std::atomic<bool> begun{false}, release{false};
    settings.progress = [&](const TuneProgress&) {
      begun = true;
      while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    Fixture f(settings);
    f.world.drift = 0.2;  // what the first leaves is provisional
    std::thread plain([&] { f.call(); });
    while (!begun) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    f.world.drift = 0;
    std::thread asks([&] { retune ? f.context->retune(f.problem) : f.context->prepare(f.problem); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    release = true;
    plain.join(), asks.join();
    CHECK(f.context->counters().searches == 2);
    CHECK_FALSE(f.context->store().find(f.problem, f.world.hardware)->provenance.provisional);
  }
}

TEST_CASE("what explain says is of the plan that serves, when another way serves for a while") {
  Fixture f;
  f.call();
  const auto winner = f.context->store().find(f.problem, f.world.hardware);
  DeviceState device(std::make_unique<FakeMachine>(f.world), Clock::now);
  const auto answer = [&](const char* source, const Tactic& tactic, const char* note) {
    Served served;
    served.source = source, served.note = note, served.standing = Standing::passing;
    served.record.tactic = tactic;
    served.plan = std::make_shared<FakePlan>(tactic, "", f.world.launched);
    return served;
  };
  const Served first = device.keep(f.problem, answer("vendor fallback", vendor_tactic(0), "no memory"));
  const Served again = device.keep(f.problem, answer("vendor fallback", vendor_tactic(0), "no time"));
  CHECK(again.plan == first.plan);
  CHECK(again.note == "no time");
  const Served other = device.keep(f.problem, answer("store", winner->tactic, "as it was proven before"));
  CHECK(other.plan->tactic() == winner->tactic);
  CHECK(other.record.tactic == winner->tactic);
  CHECK(other.source == "store");
  CHECK(device.find(f.problem)->plan == other.plan);
  CHECK(first.plan.use_count() >= 3);  // first, again, and the device: a graph may hold it
}

TEST_CASE("a kernel that was taken away while a call loaded it is not kept; what is loaded later is") {
  Fixture f;
  f.call();
  DeviceState device(std::make_unique<FakeMachine>(f.world), Clock::now);
  const auto served = [&](const char* source, const Tactic& tactic) {
    Served served;
    served.source = source, served.record.tactic = tactic;
    served.plan = std::make_shared<FakePlan>(tactic, "", f.world.launched);
    return served;
  };
  const Tactic own = f.context->store().find(f.problem, f.world.hardware)->tactic;
  CHECK_FALSE(device.replace(f.problem, own, served("guard", vendor_tactic(0))));  // nothing serves yet
  device.keep(f.problem, served("store", own));
  const auto loaded = device.keep(f.problem, [&] {
    CHECK(device.replace(f.problem, own, served("guard", vendor_tactic(0))));
    return std::optional(served("another's", own));
  });
  REQUIRE(loaded);
  CHECK(loaded->source == "guard");
  CHECK(device.table.find(f.problem)->tactic() == vendor_tactic(0));
  CHECK_FALSE(device.replace(f.problem, own, served("guard", vendor_tactic(1))));
  device.keep(f.problem, [&] { return std::optional(served("this process", own)); });  // found again
  CHECK(device.table.find(f.problem)->tactic() == own);
}

TEST_CASE("explain says how long a fallback stands") {
  const auto note = [](Fixture& f) { return f.context->explain(f.problem).note; };
  Fixture off(quick(Mode::off));
  off.call();
  CHECK(note(off).find("(lasting)") != std::string::npos);
  Fixture memory;
  memory.world.no_memory = true;
  memory.call();
  CHECK(note(memory).find("(passing") != std::string::npos);
  Fixture capture;
  capture.world.capturing = true;
  capture.call();
  CHECK(note(capture).find("(the next call asks again)") != std::string::npos);
  capture.world.capturing = false;
  capture.call();
  CHECK(note(capture).find("asks again") == std::string::npos);
}

TEST_CASE("a stale record whose new search finds nothing keeps its old winner") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_keeps");
  Fixture f(settings);
  f.call();
  const Tactic winner = f.context->store().find(f.problem, f.world.hardware)->tactic;
  settings.max_trials = 0;
  f.world.vendor_us.clear();
  f.world.today.cublaslt = "14.0";
  f.open(settings);
  f.call();
  const Explanation e = f.context->explain(f.problem);
  CHECK(e.source == "store");
  CHECK(e.served_by == to_string(winner));
  CHECK(e.note.find("14.0") != std::string::npos);
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->counters().vendor_fallbacks == 0);
  CHECK(f.context->store().find(f.problem, f.world.hardware)->tactic == winner);
}

TEST_CASE("an old winner that fails its proof again serves no more: neither while nothing else is found, nor in mode hit") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_wrong");
  for (const bool breaks : {false, true}) {
    CAPTURE(breaks);
    Fixture f(settings);
    f.context->retune(f.problem);
    f.world.wrong = f.context->store().find(f.problem, f.world.hardware)->tactic;
    REQUIRE_FALSE(is_vendor(*f.world.wrong));
    f.world.breaks_when_wrong = breaks;
    Settings little = settings;
    little.max_trials = 0;
    f.world.vendor_us.clear();
    f.world.today.driver = "590.1";
    f.open(little);
    f.call();
    CHECK(f.context->explain(f.problem).source == "vendor fallback");
    CHECK(f.context->counters().vendor_fallbacks == 1);
    CHECK_FALSE(f.context->store().find(f.problem, f.world.hardware));

    settings.mode = Mode::hit;
    f.open(settings);
    settings.mode = Mode::tune;
    f.call();
    CHECK(f.context->explain(f.problem).source == "vendor fallback");
  }
}

TEST_CASE("a winner that a search finds wrong leaves the memory of its context too") {
  Fixture f;
  f.call();
  f.world.wrong = f.context->store().find(f.problem, f.world.hardware)->tactic;
  f.world.breaks_when_wrong = true;  // before anything takes its place
  f.world.today.driver = "590.1";
  const int loads = f.world.loads, vendor = f.world.vendor_plans;
  CHECK(f.context->retune(f.problem).source == "vendor fallback");
  f.call();
  CHECK(f.context->explain(f.problem).source == "vendor fallback");
  CHECK(f.world.loads == loads);
  CHECK(f.world.vendor_plans == vendor + 1);
  CHECK(FakePlan::vendor_ran_last);
}

TEST_CASE(
    "a record whose kernel is in quarantine is not loaded: its problem is searched for, and in mode hit cuBLASLt serves") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_quarantined");
  Fixture f(settings);
  f.call();
  const auto record = f.context->store().find(f.problem, f.world.hardware);
  REQUIRE_FALSE(is_vendor(record->tactic));
  CHECK(f.context->proven(f.problem));
  StoredQuarantine(f.context->store(), f.world.hardware).add(record->provenance.kernel_source, "faults");
  CHECK_FALSE(f.context->proven(f.problem));

  settings.mode = Mode::hit;
  f.open(settings);
  CHECK(f.context->explain(f.problem).note.find("in quarantine: faults") != std::string::npos);
  f.call();
  CHECK(f.context->counters().store_hits == 0);
  CHECK(f.context->explain(f.problem).source == "vendor fallback");

  Fixture capture(settings);
  capture.world.capturing = true;
  capture.call();
  CHECK(capture.context->explain(capture.problem).source == "vendor fallback");

  settings.mode = Mode::tune;
  f.open(settings);
  f.call();
  CHECK(f.context->counters().store_hits == 0);
  CHECK(f.context->counters().searches == 1);
  CHECK(is_vendor(f.context->store().find(f.problem, f.world.hardware)->tactic));
}

TEST_CASE("a search is allowed what the settings grant, and of the device no more than is there") {
  Settings settings = quick();
  settings.compile_threads = 3, settings.compile_niceness = 7;
  settings.search_bytes = 1000, settings.scratch_bytes = 500, settings.llm_tokens = 77;
  Fixture f(settings);
  f.world.device_bytes = 2000;
  f.call();
  CHECK(f.world.allowance.compile_threads == 3);
  CHECK(f.world.allowance.niceness == 7);
  CHECK(f.world.allowance.device_bytes == 1000);
  CHECK(f.world.allowance.scratch_bytes == 500);
  CHECK(f.world.allowance.trials == settings.max_trials);
  CHECK(f.world.allowance.seconds <= settings.budget_s);
  CHECK(f.world.allowance.tokens->load() == 77);
  Fixture all;
  all.world.device_bytes = 2000;
  all.call();
  CHECK(all.world.allowance.compile_threads == usable_cores());
  CHECK(all.world.allowance.device_bytes == 2000);
}

TEST_CASE("what an allowance has of memory is divided without a rest beyond") {
  Allowance allowance;
  CHECK(allowance.operands() > std::int64_t{1} << 60);
  CHECK(allowance.scratch() == std::int64_t{2} << 30);
  allowance.device_bytes = std::int64_t{1} << 30;
  CHECK(allowance.scratch() == std::int64_t{256} << 20);
  CHECK(allowance.operands() == std::int64_t{768} << 20);
  CHECK(allowance.fifths(3).device_bytes + allowance.fifths(2).device_bytes <= allowance.device_bytes);
  allowance.device_bytes = 0;
  CHECK(allowance.scratch() + allowance.operands() == 0);
}

TEST_CASE("a search that is stopped ends within about one trial and leaves no record") {
  World world;
  world.quick_s = 0.005;
  std::stop_source stop;
  int shown = 0;
  Settings settings = quick();
  settings.budget_s = 100, settings.max_trials = 100000;
  settings.progress = [&](const TuneProgress&) {
    if (++shown == 5) stop.request_stop();
  };
  Common common(settings, memory_store());
  DeviceState device(std::make_unique<FakeMachine>(world), Clock::now);
  TuningJob job(common, device, world.land.problem, {});
  const auto start = Clock::now();
  std::vector<std::string> errors;
  const ScopedLogSink sink([&](LogLevel level, std::string_view line) {
    if (level <= LogLevel::warn) errors.emplace_back(line);
  });
  CHECK_THROWS_WITH_AS(job.run({Deadline::never(stop.get_token()), {}, [](double) {}, {}}), "its context ends", Error);
  CHECK(errors == std::vector<std::string>{});
  CHECK(seconds_since(start) < 10);
  CHECK(shown <= 6);
  CHECK(world.vendor_plans == 0);  // none that nobody would use
  CHECK(!common.store->find(world.land.problem, world.hardware));
}
