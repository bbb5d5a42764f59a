// The cold path on a fake machine: no GPU, no compiler, real store and real search.
#include "fake_machine.hpp"

using namespace ak;
using namespace ak::testing;

TEST_CASE("a first call searches and launches; the next ones are table hits") {
  Fixture f;
  f.call();
  CHECK(f.world.launched == 1);
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->counters().trials > 10);
  for (int i = 0; i < 5; ++i) f.call();
  CHECK(f.world.launched == 6);
  CHECK(f.world.runners == 1);
  CHECK(f.world.loads == 1);
  const Explanation e = f.context->explain(f.problem);
  CHECK(e.source == "this process");
  CHECK(e.vendor_us == 52);
  CHECK(e.us < 50);
  CHECK(e.trials == f.context->counters().trials);
  CHECK(!e.proposer.empty());
  CHECK(e.served_by.starts_with("sm80 "));
  CHECK(!f.context->store().trials(f.problem, f.world.hardware).empty());
}

TEST_CASE("the next process loads what the first one stored: no trial, no compile") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_hit");
  Fixture first(settings);
  first.call();
  const std::string winner = first.context->explain(first.problem).served_by;
  first.context.reset();

  Fixture second(settings);
  CHECK(second.context->explain(second.problem).source == "store");
  second.call();
  CHECK(second.context->counters().store_hits == 1);
  CHECK(second.context->counters().searches == 0);
  CHECK(second.context->counters().compiles == 0);
  CHECK(second.world.runners == 0);
  CHECK(second.context->explain(second.problem).served_by == winner);
}

TEST_CASE("records that can only be read serve, and explain() says that new ones are not kept") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_read_only");
  Fixture first(settings);
  first.call();
  CHECK(first.context->explain(first.problem).note.find("not kept") == std::string::npos);
  first.context.reset();
  std::filesystem::remove(settings.cache_dir + "/open.lock");
  std::filesystem::create_directory(settings.cache_dir + "/open.lock");  // which not even root can open

  Fixture second(settings);
  second.call();
  CHECK(second.context->counters().store_hits == 1);
  CHECK(second.context->counters().searches == 0);
  CHECK(second.context->explain(second.problem).note.find("new records are not kept: its open.lock") != std::string::npos);
}

TEST_CASE("a passing lack is tried again, each time twice as late, at most a minute") {
  Fixture f;
  f.world.no_memory = true;
  f.call();
  CHECK(f.context->explain(f.problem).note.find("passing") != std::string::npos);
  for (int i = 0; i < 5; ++i) f.call();
  CHECK(f.world.runners == 1);
  CHECK(f.world.launched == 6);
  int runners = 1;
  for (const int wait : {1, 2, 4, 8, 16, 32, 60, 60}) {
    f.now += std::chrono::milliseconds(wait * 1000 - 10);
    f.call();
    CHECK(f.world.runners == runners);
    f.now += std::chrono::milliseconds(20);
    f.call();
    CHECK(f.world.runners == ++runners);
  }
  CHECK(f.context->counters().retries == 8);
  CHECK(f.context->counters().passing_fallbacks == 9);
  f.world.no_memory = false;
  f.now += std::chrono::seconds(61);
  f.call();
  CHECK(f.context->explain(f.problem).source == "this process");

  Fixture lasting;
  lasting.world.runner_breaks = true;
  lasting.call();
  lasting.now += std::chrono::hours(1);
  lasting.call();
  CHECK(lasting.world.runners == 1);
}

TEST_CASE("what every search needs is made before its clock starts, and its time is told by who paid for it") {
  Fixture f;
  f.world.warm_up_s = 0.6;  // the budget is 0.5
  f.call();
  CHECK(f.world.warmed == 1);
  CHECK(f.context->counters().trials > 10);
  const std::string told = "libraries opened and support kernels made in 0.6";
  CHECK(f.context->explain(f.problem).note.find(told) != std::string::npos);
  f.world.warm_up_s = 0;  // they are open
  CHECK(f.context->retune(f.problem).note.find("libraries opened") == std::string::npos);
  CHECK(!f.context->store().find(f.problem, f.world.hardware)->provenance.provisional);
}

TEST_CASE("who waited for another's search takes its winner") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_turns");
  for (const int second : {0, 1}) {  // on one device, or on two of a kind
    std::filesystem::remove_all(settings.cache_dir);
    Fixture a(settings), b(settings);
    a.world.quick_s = b.world.quick_s = 0.005;
    b.world.ordinal = second;
    std::thread other([&] { a.call(); });
    while (a.world.runners == 0) std::this_thread::yield();
    b.call();
    other.join();
    CHECK(a.context->counters().searches == 1);
    CHECK(b.context->counters().searches == 0);
    CHECK(b.context->counters().store_hits == 1);
  }
}

TEST_CASE("searches of one device take turns, whatever context they come from; those of two do not") {
  for (const int second : {0, 1}) {
    std::atomic<int> searching{0}, most{0};
    Settings settings = quick();
    settings.budget_s = 20;
    settings.progress = [&](const TuneProgress&) {
      most = std::max<int>(most, ++searching);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      --searching;
    };
    Fixture a(settings), b(settings);
    b.world.ordinal = second, b.problem.m = 512;
    std::thread other([&] { a.call(); });
    while (a.world.runners == 0) std::this_thread::yield();
    b.call();
    other.join();
    CHECK(most == 1 + second);
    CHECK(a.context->counters().searches + b.context->counters().searches == 2);
  }
}

TEST_CASE("a search that others left little time leaves a provisional record") {
  Settings settings = quick();
  settings.budget_s = 1, settings.process_budget_s = 0.3;
  Fixture f(settings);
  f.call();
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->explain(f.problem).note.find("cut short") != std::string::npos);
  CHECK(f.context->store().find(f.problem, f.world.hardware)->provenance.provisional);
}

TEST_CASE("modes: hit and off never search") {
  for (const Mode mode : {Mode::hit, Mode::off}) {
    Fixture f(quick(mode));
    CHECK(f.context->explain(f.problem).source == "none");
    f.call();
    f.call();
    CHECK(f.world.runners == 0);
    CHECK(f.world.vendor_plans == 1);
    CHECK(f.world.launched == 2);
    CHECK(f.context->explain(f.problem).source == "vendor fallback");
  }
}

TEST_CASE("in mode hit a record that another process leaves serves without a call that asks, and the epoch says so") {
  Settings settings = quick(Mode::hit);
  settings.cache_dir = fresh_folder("test_context_later");
  const auto tuned = [&](Fixture& by) {
    settings.mode = Mode::tune;
    by.open(settings);
    by.context->prepare(by.problem);
    settings.mode = Mode::hit;
  };
  const auto comes = [](Fixture& f, std::uint64_t epoch) {
    for (const auto until = Clock::now() + std::chrono::seconds(30); f.context->epoch() < epoch && Clock::now() < until;)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CHECK(f.context->epoch() == epoch);
    return f.context->explain(f.problem);
  };
  Fixture f(settings), captured(settings), other;
  captured.world.capturing = true;
  f.call(), captured.call();
  CHECK(FakePlan::vendor_ran_last);
  tuned(other);
  for (Fixture* each : {&f, &captured}) {
    CHECK(comes(*each, 1).source == "store");
    each->call();
    CHECK_FALSE(FakePlan::vendor_ran_last);
    CHECK(each->world.runners == 0);
  }
  f.world.today.driver = other.world.today.driver = "590.1";
  f.open(settings);
  f.call();
  CHECK(f.context->explain(f.problem).note.find("as it was proven before") != std::string::npos);
  tuned(other);
  CHECK(comes(f, 1).note.find("as it was proven before") == std::string::npos);
}

TEST_CASE("a capture gets the vendor at once and leaves the problem open to be tuned") {
  Fixture f;
  f.world.capturing = true;
  f.call();
  f.call();
  CHECK(f.world.runners == 0);
  CHECK(f.world.vendor_plans == 1);
  CHECK(f.world.launched == 2);
  f.world.capturing = false;
  f.call();
  CHECK(f.context->counters().searches == 1);
  f.world.capturing = true;  // a hit works in a capture
  f.call();
  CHECK(f.world.vendor_plans == 1);
  CHECK(f.world.launched == 4);
}

TEST_CASE("a capture that a process begins with gets the recorded kernel") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_capture");
  Fixture first(settings);
  CHECK(!first.context->proven(first.problem));
  first.call();
  CHECK(first.context->proven(first.problem));
  Fixture second(settings);
  second.world.capturing = true;
  second.call();
  CHECK(second.world.loads == 1);
  CHECK(second.world.vendor_plans == 0);
  CHECK(second.world.launched == 1);
  second.world.capturing = false;
  second.call();
  CHECK(second.world.loads == 1);
  CHECK(second.context->counters().store_hits == 1);
  CHECK(second.context->explain(second.problem).source == "store");
}

TEST_CASE("a progress callback may call the context again: it is served untuned, and waits for nothing") {
  Settings settings = quick();
  Fixture* fixture = nullptr;
  Problem other;
  int calls = 0;
  settings.progress = [&](const TuneProgress&) {
    if (++calls > 1) return;
    fixture->call();
    fixture->context->matmul_act(nullptr, other, {});
  };
  Fixture f(settings);
  fixture = &f, other = f.problem, other.m = 512;
  f.call();
  CHECK(f.world.launched == 3);
  CHECK(f.world.runners == 1);
  CHECK(f.context->explain(f.problem).source == "this process");
}

TEST_CASE("k = 0 is served by the pass without a search") {
  Fixture f;
  f.problem.k = 0;
  f.call();
  f.call();
  CHECK(f.world.passes == 1);
  CHECK(f.world.runners == 0);
  CHECK(f.context->explain(f.problem).served_by == "the separate pass");
}

TEST_CASE("a stream of another context is named") {
  Fixture f;
  f.world.foreign_stream = true;
  CHECK_THROWS_WITH_AS(f.call(), doctest::Contains("stream"), Error);
  CHECK(f.world.runners == 0);
}

TEST_CASE("threads that ask for one problem wait for one search; other problems are searched in turn") {
  Settings settings = quick();
  settings.budget_s = 20;  // their trials end them
  Fixture f(settings);
  f.world.quick_s = 0.001;
  Problem other = f.problem;
  other.m = 512;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) threads.emplace_back([&, i] { f.context->matmul_act(nullptr, i % 2 ? other : f.problem, {}); });
  for (auto& thread : threads) thread.join();
  CHECK(f.world.launched == 6);
  CHECK(f.context->counters().searches == 2);
  CHECK(f.world.most_searching == 1);
}

TEST_CASE("64 threads meet one problem: one search, and all have its winner") {
  Settings settings = quick();
  settings.budget_s = 20;
  Fixture f(settings);
  f.world.quick_s = 0.001;
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) threads.emplace_back([&] { f.context->matmul_act(nullptr, f.problem, {}); });
  for (auto& thread : threads) thread.join();
  CHECK(f.world.launched == 64);
  CHECK(f.context->counters().searches == 1);
  CHECK(f.context->counters().vendor_fallbacks == 0);
}

TEST_CASE("the process budget ends searches, not calls") {
  Settings settings = quick();
  settings.process_budget_s = 0.05;
  Fixture f(settings);
  f.call();
  CHECK(f.context->counters().searches == 0);
  CHECK(f.world.launched == 1);
  CHECK(f.context->explain(f.problem).note.find("budget") != std::string::npos);
}

TEST_CASE("what ended a search is named: its own budget, or the process's") {
  Settings settings = quick();
  settings.budget_s = 0.07;
  Fixture own(settings);
  own.call();
  const std::string note = own.context->explain(own.problem).note;
  CHECK(note.find("AK_BUDGET_S=0.07 is too short") != note.npos);
  CHECK(note.find("PROCESS") == note.npos);
  settings.entries = {{"AK_BUDGET_S", "0.07", "option", "", ""}};
  Fixture given_in_code(settings);
  given_in_code.call();
  CHECK(given_in_code.context->explain(given_in_code.problem).note.find("budget_s=0.07 is too short") == 0);
  settings.entries.clear();

  settings.budget_s = 1, settings.process_budget_s = 0.3;
  Fixture process(settings);
  process.call();
  CHECK(process.context->explain(process.problem).note.find("left of AK_PROCESS_BUDGET_S=0.3") != std::string::npos);
}

TEST_CASE("what fails inside degrades: a broken runner, a failed load, no vendor, and at last an error that says why") {
  Fixture full;
  full.world.no_memory = true;
  full.call();
  CHECK(full.world.launched == 1);
  CHECK(full.context->explain(full.problem).source == "vendor fallback");

  Fixture broken;
  broken.world.runner_breaks = true;
  broken.call();
  CHECK(broken.world.launched == 1);
  CHECK(broken.context->explain(broken.problem).source == "vendor fallback");
  CHECK(broken.context->explain(broken.problem).note.find("the device is gone") != std::string::npos);

  Fixture unloadable;
  unloadable.world.load_breaks = true;
  unloadable.call();
  CHECK(unloadable.context->explain(unloadable.problem).source == "vendor fallback");

  Fixture no_vendor(quick(Mode::hit));
  no_vendor.world.has_vendor = false;
  no_vendor.call();
  CHECK(no_vendor.world.launched == 1);
  CHECK(no_vendor.context->explain(no_vendor.problem).source == "untuned");

  Fixture capture(quick(Mode::hit));  // in which nothing is proven
  capture.world.has_vendor = false, capture.world.capturing = true;
  CHECK_THROWS_WITH_AS(capture.call(), doctest::Contains("nothing was proven before"), Error);
  capture.world.capturing = false;
  capture.call();
  CHECK(capture.world.launched == 1);

  Fixture nothing(quick(Mode::hit));
  nothing.world.has_vendor = nothing.world.has_untuned = false;
  try {
    nothing.call();
    FAIL("served by nothing");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::missing_library);
    CHECK(std::string(error.what()).find("cuBLASLt") != std::string::npos);
    CHECK(std::string(error.what()).find("NVRTC") != std::string::npos);
  }
}

TEST_CASE("where cuBLASLt lacks something for a while, what serves in its place is no lasting answer") {
  Fixture f(quick(Mode::off));
  f.world.has_vendor = false;
  for (const bool comes : {false, true}) {
    f.open(quick(Mode::off));
    f.world.has_vendor = false, f.world.vendor_comes = comes;
    f.call();
    CHECK(f.context->explain(f.problem).source == "untuned");
    f.world.has_vendor = true;
    f.now += std::chrono::seconds(2);
    f.call();
    CHECK(f.context->explain(f.problem).source == (comes ? "vendor fallback" : "untuned"));
  }
}

TEST_CASE("a recording tunes and explains, and says that it cannot launch") {
  Fixture f;
  f.world.launches = false;
  f.world.hardware.recording = "h200";
  const Explanation e = f.context->prepare(f.problem);
  CHECK(e.from_recording);
  CHECK(e.source == "this process");
  CHECK(e.us > 0);
  CHECK_THROWS_WITH_AS(f.call(), doctest::Contains("recording"), Error);
  f.context->prepare(f.problem);
  CHECK(f.context->counters().searches == 1);
}

TEST_CASE("retune searches again; prepare re-times a provisional record, a call does not") {
  Settings settings = quick();
  settings.cache_dir = fresh_folder("test_context_provisional");
  Fixture f(settings);
  f.world.drift = 0.2;
  f.call();
  CHECK(f.context->store().find(f.problem, f.world.hardware)->provenance.provisional);
  f.world.drift = 0;
  f.open(settings);
  f.call();
  CHECK(f.context->counters().searches == 0);
  f.context->prepare(f.problem);
  CHECK(f.context->counters().searches == 1);
  CHECK(!f.context->store().find(f.problem, f.world.hardware)->provenance.provisional);
  f.context->prepare(f.problem);
  CHECK(f.context->counters().searches == 1);
  f.context->retune(f.problem);
  CHECK(f.context->counters().searches == 2);
}

TEST_CASE("a search that had no time for own kernels replaces no winner") {
  Fixture f;
  f.call();
  const auto before = f.context->store().find(f.problem, f.world.hardware);
  REQUIRE(before);
  REQUIRE(!is_vendor(before->tactic));
  f.world.no_time = true;
  const Explanation e = f.context->retune(f.problem);
  CHECK(e.served_by == to_string(before->tactic));
  CHECK_MESSAGE(e.note.find("no own kernel could be tried in time") != std::string::npos, e.note);
  CHECK(f.context->store().find(f.problem, f.world.hardware) == before);
}

TEST_CASE("a forced tactic is verified once and used instead of searching; one that cannot serve is passed over") {
  Settings settings = quick();
  const Landscape land;
  for (const RankedTactic& ranked : land.space().tactics)
    if (land.outcome(ranked.tactic) == Outcome::correct) settings.force_tactic = ranked.tactic;
  Fixture f(settings);
  f.call();
  CHECK(f.context->counters().trials == 1);
  CHECK(f.context->explain(f.problem).served_by == to_string(*settings.force_tactic));
  CHECK(!f.context->store().find(f.problem, f.world.hardware));

  settings.force_tactic->tile_m = 4096;
  Fixture wrong(settings);
  wrong.call();
  CHECK(wrong.context->counters().searches == 1);
}

TEST_CASE("progress of a search is shown in the caller's words") {
  Settings settings = quick();
  int shown = 0;
  settings.progress = [&](const TuneProgress& p) {
    ++shown;
    CHECK(p.problem.starts_with("1x1024x1024 bf16"));
    CHECK(p.budget_s > 0);
  };
  Fixture f(settings);
  f.call();
  CHECK(shown > 20);
}

TEST_CASE("prepare of many: each problem once, in order, told as it goes; one that fails keeps none of the others") {
  Fixture f;
  Problem other = f.problem, refused = f.problem;
  other.m = 512, refused.k = 0;
  f.world.pass_breaks = true;
  const Context::Impl::Wanted problems[] = {{f.problem}, {refused}, {other}, {f.problem}};
  std::vector<std::pair<std::size_t, std::string>> told;
  const auto explained = f.context->prepare(problems, [&](std::size_t done, std::size_t all, const Explanation& last) {
    CHECK(all == 3);
    told.emplace_back(done, last.source);
  });
  REQUIRE(explained.size() == 4);
  REQUIRE(told.size() == 3);
  CHECK(told[0] == std::pair<std::size_t, std::string>(1, "this process"));
  CHECK(told[1].second == "none");
  CHECK(told[2] == std::pair<std::size_t, std::string>(3, "this process"));
  CHECK(explained[1].note.find("nothing serves it") != std::string::npos);
  CHECK(explained[1].problem == to_string(refused));
  CHECK(explained[3].served_by == explained[0].served_by);
  CHECK(f.context->counters().searches == 2);
}
