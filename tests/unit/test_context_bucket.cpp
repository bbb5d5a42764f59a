// Buckets in a context: one search serves every m of a bucket.
#include <set>
#include <thread>

#include "cache/pack.hpp"
#include "context/bound_plan.hpp"
#include "fake_machine.hpp"

using namespace ak;
using namespace ak::testing;

namespace {

struct Tokens : Fixture {
  explicit Tokens(Settings settings = quick()) : Fixture(std::move(settings)) {}
  Problem at(std::int64_t m) const { return with_tokens(problem, m); }
  void call(std::int64_t m) { context->matmul_act(nullptr, at(m), {}); }
  Explanation explain(std::int64_t m) { return context->explain(at(m)); }
  std::vector<Explanation> prepare(TokenRange tokens) {
    const Context::Impl::Wanted wanted{problem, tokens};
    return context->prepare(std::span(&wanted, 1), {});
  }
};

Settings in_folder(const char* name, Mode mode = Mode::tune) {
  Settings settings = quick(mode);
  settings.cache_dir = std::string(AK_BINARY_DIR) + "/" + name;
  return settings;
}

}  // namespace

TEST_CASE("bucket: a first call tunes it, and no other m of it searches, compiles or runs anything but its plan") {
  Tokens f;
  f.call(70);
  CHECK(f.context->counters().searches == 1);
  CHECK(f.world.timed_at == std::vector<std::int64_t>{96, 65});  // tuned at its last m, tried at its first
  const Counters before = f.context->counters();
  for (std::int64_t m = 65; m <= 96; ++m) f.call(m);
  CHECK(f.world.launched == 33);
  CHECK(f.world.runners == 2);
  CHECK(f.context->counters().searches == before.searches);
  CHECK(f.context->counters().trials == before.trials);
  CHECK(f.context->counters().compiles == before.compiles);
  CHECK(f.context->counters().vendor_fallbacks == 0);
  const Explanation e = f.explain(80);
  CHECK(e.bucket == TokenRange{65, 96});
  CHECK(e.problem.starts_with("80x1024x1024"));
  CHECK(e.served_by == f.explain(96).served_by);
  CHECK(e.served_by.starts_with("sm80 "));
  CHECK(f.explain(70).source == "this process");
  CHECK(f.explain(97).source == "none");
}

TEST_CASE("bucket: of 512 tokens and less, once a range of them was prepared none searches; a second process neither") {
  std::filesystem::remove_all(in_folder("test_bucket_range").cache_dir);
  {
    Tokens f(in_folder("test_bucket_range"));
    const auto told = f.prepare({1, 512});
    REQUIRE(told.size() == 1);
    CHECK(told[0].bucket == TokenRange{449, 512});
    CHECK(f.context->counters().searches == 17);
    const int runners = f.world.runners;
    for (std::int64_t m = 1; m <= 512; ++m) f.call(m);
    CHECK(f.world.runners == runners);
    CHECK(f.context->counters().searches == 17);
    CHECK(f.context->counters().vendor_fallbacks == 0);
    f.prepare({1, 512});
    CHECK(f.world.runners == runners);
  }
  Tokens second(in_folder("test_bucket_range"));
  for (std::int64_t m = 1; m <= 512; ++m) second.call(m);
  CHECK(second.world.runners == 0);
  CHECK(second.context->counters().compiles == 0);
  CHECK(second.context->counters().store_hits == 512);
  CHECK(second.explain(300).source == "store");
  CHECK(second.explain(300).bucket == TokenRange{257, 320});
}

TEST_CASE("bucket: a record of exactly the problem goes first, whenever it came") {
  Tokens f;
  f.call(70);
  f.world.land.salt = 99;  // another winner
  CHECK(f.context->prepare(f.at(70)).bucket.none());
  CHECK(f.explain(70).bucket.none());
  CHECK(f.explain(71).bucket == TokenRange{65, 96});
  CHECK(f.context->counters().searches == 2);
  f.call(70);
  CHECK(f.context->store().find(f.at(70), f.world.hardware)->bucket.none());
}

TEST_CASE("bucket: where cuBLASLt wins at its first m it serves the part that is nearer, and nothing is searched for again") {
  for (const auto& [wins_to, split] : {std::pair{70, 81}, {90, 96}}) {
    CAPTURE(wins_to);
    Tokens f;
    f.world.vendor_wins_to = wins_to;
    f.call(96);
    CHECK(f.world.timed_at == std::vector<std::int64_t>{96, 65, 81});
    for (std::int64_t m = 65; m <= 96; ++m) {
      f.call(m);
      CAPTURE(m);
      CHECK(FakePlan::vendor_ran_last == (m < split));
    }
    CHECK(f.explain(65).bucket == TokenRange{65, split - 1});
    CHECK(f.explain(96).bucket == TokenRange{split, 96});
    CHECK(f.world.runners == 3);
    CHECK(f.context->counters().searches == 1);
    CHECK(f.context->counters().vendor_fallbacks == 0);
    f.context->prepare(f.at(65));  // which was tried with one kernel alone
    CHECK(f.context->counters().searches == 2);
  }
}

TEST_CASE("bucket: a kernel that is wrong at the first m is lent to no other") {
  Tokens f;
  f.call(96);
  const Tactic winner = f.context->store().find(f.at(96), f.world.hardware)->tactic;
  Tokens g;
  g.world.wrong_to = 70, g.world.wrong_there = winner;
  g.call(96);
  CHECK(g.explain(96).bucket == TokenRange{96, 96});
  g.call(90);
  CHECK(FakePlan::vendor_ran_last);
}

TEST_CASE("bucket: a kernel that is found wrong serves none of it any more") {
  Tokens f;
  for (const std::int64_t m : {96, 70, 80}) f.call(m);
  const Tactic winner = f.context->store().find(f.at(96), f.world.hardware)->tactic;
  const auto epoch = f.context->epoch();
  f.world.wrong = winner;
  f.context->retune(f.at(96));
  for (const std::int64_t m : {96, 70, 80}) {
    CAPTURE(m);
    CHECK(f.explain(m).served_by.find(to_string(winner)) == std::string::npos);
  }
  CHECK(f.context->epoch() == epoch + 3);
  f.call(70);
  CHECK(FakePlan::vendor_ran_last);
  f.now += std::chrono::seconds(2);
  f.call(70);
  CHECK_FALSE(FakePlan::vendor_ran_last);
  CHECK(f.explain(70).bucket == TokenRange{65, 96});
}

TEST_CASE("bucket: a kernel that is found wrong while a call loads it does not serve that call") {
  Tokens f;
  f.call(96);
  const Tactic winner = f.context->store().find(f.at(96), f.world.hardware)->tactic;
  f.world.wrong = winner, f.world.breaks_when_wrong = true;
  f.world.while_loading = [&] { std::thread([&] { f.context->retune(f.at(96)); }).join(); };
  f.call(70);
  CHECK(f.explain(96).served_by.find(to_string(winner)) == std::string::npos);
  CHECK(f.explain(70).served_by.find(to_string(winner)) == std::string::npos);
  CHECK(FakePlan::vendor_ran_last);
}

TEST_CASE("bucket: a record of its last m that an older version left is proven and tried, not searched for") {
  Tokens f;
  f.context->prepare(f.at(96));
  CHECK(f.world.runners == 1);
  CHECK(f.explain(96).bucket.none());
  const Tactic winner = f.context->store().find(f.at(96), f.world.hardware)->tactic;
  f.call(70);
  CHECK(f.context->counters().searches == 1);
  CHECK(f.world.timed_at == std::vector<std::int64_t>{96, 96, 65});
  CHECK(f.context->store().find(f.at(96), f.world.hardware)->tactic == winner);
  CHECK(f.explain(70).bucket == TokenRange{65, 96});
  f.call(71);
  CHECK(f.world.runners == 3);
}

TEST_CASE("bucket: modes hit and record serve what stands, mode off none of it") {
  std::filesystem::remove_all(in_folder("test_bucket_modes").cache_dir);
  Tokens(in_folder("test_bucket_modes")).call(70);
  Settings record = in_folder("test_bucket_modes", Mode::record);
  record.record_file = record.cache_dir + "/asked.txt";
  for (const Settings& settings : {in_folder("test_bucket_modes", Mode::hit), record}) {
    Tokens f(settings);
    f.call(80);
    CHECK_FALSE(FakePlan::vendor_ran_last);
    CHECK(f.explain(80).bucket == TokenRange{65, 96});
    f.call(100);
    CHECK(FakePlan::vendor_ran_last);
    CHECK(f.explain(100).bucket.none());
    CHECK(f.world.runners == 0);
  }
  Tokens off(in_folder("test_bucket_modes", Mode::off));
  off.call(80);
  CHECK(FakePlan::vendor_ran_last);
  CHECK(off.explain(80).bucket.none());
}

TEST_CASE("bucket: in mode background one search goes on for it, and every m that waited gets its winner") {
  Tokens f(quick(Mode::background));
  f.world.gate = true;
  for (const std::int64_t m : {66, 70, 96}) f.call(m);
  CHECK(FakePlan::vendor_ran_last);
  f.world.gate = false;
  const auto until = Clock::now() + std::chrono::seconds(60);
  for (const std::int64_t m : {66, 70, 96, 80}) {
    do {  // those that waited ask again a moment after the winner stands
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      f.call(m);
    } while (FakePlan::vendor_ran_last && Clock::now() < until);
    CAPTURE(m);
    CHECK_FALSE(FakePlan::vendor_ran_last);
    CHECK(f.explain(m).bucket == TokenRange{65, 96});
  }
  CHECK(f.context->counters().searches == 1);
}

TEST_CASE("bucket: what was captured or waits has the winner without a call of its own, and the epoch says so") {
  Tokens f(quick(Mode::background));
  f.world.gate = true;
  f.world.capturing = true;
  f.call(70);
  f.world.capturing = false;
  f.call(80);
  const auto bound = f.context->bind(f.at(75));
  CHECK(f.context->epoch() == 0);
  f.world.gate = false;
  const auto stands = [&](std::int64_t m) { return f.explain(m).bucket == TokenRange{65, 96}; };
  for (const auto until = Clock::now() + std::chrono::seconds(60); Clock::now() < until && f.context->epoch() < 3;)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  CHECK(f.context->epoch() == 3);
  CHECK(f.context->epoch(*bound) == 1);
  CHECK(stands(70));
  CHECK(stands(75));
  CHECK(stands(80));
  f.world.capturing = true;  // again, as the epoch told
  f.call(70);
  CHECK_FALSE(FakePlan::vendor_ran_last);
  CHECK(f.context->epoch() == 3);
  CHECK(f.context->counters().searches == 1);
}

TEST_CASE("bucket: a capture asks the store again for what it met without a record, in every mode that reads records") {
  for (const Mode mode : {Mode::tune, Mode::hit}) {
    const Settings settings = in_folder("test_bucket_captured", mode);
    std::filesystem::remove_all(settings.cache_dir);
    Tokens f(settings);
    f.world.capturing = true;
    f.call(70);
    CHECK(FakePlan::vendor_ran_last);
    Tokens(in_folder("test_bucket_captured")).call(96);  // another process, say
    f.call(70);
    CHECK_FALSE(FakePlan::vendor_ran_last);
    CHECK(f.context->epoch() == 1);
    CHECK(f.world.runners == 0);
  }
}

TEST_CASE("bucket: a capture that meets a new m of a tuned bucket gets its kernel, of another one the vendor") {
  Tokens f;
  f.call(70);
  f.world.capturing = true;
  f.call(80);
  CHECK_FALSE(FakePlan::vendor_ran_last);
  f.call(100);
  CHECK(FakePlan::vendor_ran_last);
  CHECK(f.world.runners == 2);
}

TEST_CASE("bucket: where its first m cannot be tried the vendor serves the others for a while, and it is tried again") {
  Tokens f;
  f.context->prepare(f.at(96));
  f.world.no_room_at = 65;
  f.call(70);
  CHECK(FakePlan::vendor_ran_last);
  CHECK(f.explain(70).note.find("it could not be tried at m=65: no room (passing") != std::string::npos);
  f.call(96);
  CHECK_FALSE(FakePlan::vendor_ran_last);
  f.world.no_room_at = 0;
  f.now += std::chrono::seconds(2);
  f.call(70);
  CHECK_FALSE(FakePlan::vendor_ran_last);
  CHECK(f.explain(70).bucket == TokenRange{65, 96});
}

TEST_CASE("bucket: behind the calls its first m is tried again though no call comes, as of what graphs hold none does") {
  Tokens f(quick(Mode::background));
  f.world.no_room_at = 65, f.world.capturing = true;
  f.call(70);
  const auto in_time = [](const auto& holds) {
    for (const auto until = Clock::now() + std::chrono::seconds(20); !holds() && Clock::now() < until;)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return holds();
  };
  REQUIRE(in_time([&] { return f.explain(96).source == "this process"; }));
  CHECK(f.explain(70).bucket.none());
  f.world.no_room_at = 0;
  CHECK(in_time([&] { return f.explain(70).bucket == TokenRange{65, 96}; }));
  CHECK(f.context->counters().searches == 1);
}

TEST_CASE("bucket: a stale record of it is proven again with all that it serves") {
  std::filesystem::remove_all(in_folder("test_bucket_stale").cache_dir);
  Tokens(in_folder("test_bucket_stale")).call(70);
  Tokens f(in_folder("test_bucket_stale"));
  f.world.today.driver = "590.1";
  f.call(80);
  CHECK(f.context->counters().searches == 0);
  CHECK(f.world.timed_at == std::vector<std::int64_t>{96});  // proven, its times stand
  CHECK(f.explain(80).bucket == TokenRange{65, 96});
  f.call(70);
  CHECK(f.world.runners == 1);
}

TEST_CASE("bucket: threads that call different m of it wait for one search") {
  Tokens f;
  std::vector<std::thread> threads;
  for (const std::int64_t m : {65, 70, 75, 80, 90, 96}) threads.emplace_back([&f, m] { f.call(m); });
  for (std::thread& thread : threads) thread.join();
  CHECK(f.context->counters().searches == 1);
  CHECK(f.world.runners == 2);
  CHECK(f.world.launched == 6);
}

TEST_CASE("bucket: a pack carries it, and its owners neither search nor try its first m") {
  Tokens f;
  f.call(70);
  const PlanRecord record = *f.context->store().find(f.at(96), f.world.hardware);
  const std::string file = std::string(AK_BINARY_DIR) + "/test_bucket.pack";
  write_pack(file, {{record, std::nullopt}});
  REQUIRE(read_pack(file).entries.at(0).record.bucket == TokenRange{65, 96});
  Settings settings = quick();
  settings.packs = {file};
  Tokens g(settings);
  g.call(80);
  CHECK(g.context->counters().searches == 0);
  CHECK(g.world.timed_at == std::vector<std::int64_t>{96});
  CHECK(g.explain(80).bucket == TokenRange{65, 96});
}

TEST_CASE("bucket: a plan serves its bucket, and names it where it is called with more") {
  Tokens f;
  const auto plan = f.context->bind(f.at(70));
  CHECK(plan->bucket == TokenRange{65, 96});
  for (const std::int64_t m : {70, 80, 96, 65}) {
    plan->take(m);
    f.context->matmul_act(nullptr, *plan, {});
    CHECK_FALSE(FakePlan::vendor_ran_last);
  }
  CHECK(f.world.runners == 2);
}
