#include <doctest/doctest.h>

#include <thread>

#include "landscape.hpp"
#include "search/proposers.hpp"
#include "tune/tuner.hpp"

using namespace ak;
using ak::testing::FakeRunner;

namespace {

std::vector<std::unique_ptr<Proposer>> offline() {
  std::vector<std::unique_ptr<Proposer>> list;
  for (const auto name : {"local", "offline"}) list.push_back(make_proposer(name));
  return list;
}

Tuned tune_on(FakeRunner& runner, double seconds, int trials = 100000, const ProgressSink& progress = {}) {
  return tune(runner.land.problem, runner.land.device, runner.land.space(), runner, offline(), {seconds, trials, 6}, progress);
}

// Answers after a while, with one tactic; then nothing is pending.
class Slow final : public Proposer {
 public:
  Slow(double seconds, Tactic tactic) : at_(Deadline::in(seconds)), tactic_(tactic) {}
  std::string_view name() const override { return "slow"; }
  std::vector<Proposal> propose(const SearchView& view, std::size_t) override {
    given_ = view.knows(tactic_);  // named until then: there may have been no room
    if (!at_.passed() || given_) return {};
    return {{tactic_, 1}};
  }
  bool pending() const override { return !given_; }

 private:
  Deadline at_;
  Tactic tactic_;
  bool given_ = false;
};

}  // namespace

TEST_CASE("a search with a duty leaves the device alone between its trials, and tries as many") {
  FakeRunner runner;
  runner.quick_s = 0.004, runner.full_s = 0.01, runner.survey_s = 0.02;
  Allowance allowance{0.3, 100000, 6};
  allowance.duty = 0.25;
  Spending spending(allowance);
  const Tuned tuned = tune(runner.land.problem, runner.land.device, runner.land.space(), runner, offline(), spending);
  CHECK(tuned.winner);
  REQUIRE(runner.busy.size() > 10);
  double used = 0;
  for (std::size_t i = 0; i + 1 < runner.busy.size(); ++i) {
    const auto [began, ended] = runner.busy[i];
    const double took = std::chrono::duration<double>(ended - began).count();
    CHECK(std::chrono::duration<double>(runner.busy[i + 1].first - ended).count() >= 3 * took);
    used += took;
  }
  CHECK(spending.rested() >= 3 * (used + runner.survey_s));
  CHECK(tuned.seconds >= spending.rested());
  CHECK(spending.spent() >= used);

  FakeRunner hurried;
  Spending all({0.1, 100000, 6});
  tune(hurried.land.problem, hurried.land.device, hurried.land.space(), hurried, offline(), all);
  CHECK(all.rested() == 0);
}

TEST_CASE("a stop ends a search that rests") {
  FakeRunner runner;
  runner.quick_s = 0.02;
  std::stop_source stop;
  Allowance allowance{100, 100000, 6};
  allowance.duty = 1e-4, allowance.stop = stop.get_token();  // minutes of rest behind each trial
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const auto began = Clock::now();
  CHECK(tune(runner.land.problem, runner.land.device, runner.land.space(), runner, offline(), allowance).stopped);
  CHECK(seconds_since(began) < 60);
}

TEST_CASE("a stop ends a search within about one trial") {
  FakeRunner runner;
  runner.quick_s = 0.005;
  std::stop_source stop;
  int shown = 0, after = 0;
  Clock::time_point at;
  Allowance allowance{100, 100000, 6};
  allowance.stop = stop.get_token();
  const Tuned tuned =
      tune(runner.land.problem, runner.land.device, runner.land.space(), runner, offline(), allowance, [&](const Progress&) {
        after += stop.stop_requested();
        if (++shown == 5) stop.request_stop(), at = Clock::now();
      });
  CHECK(tuned.stopped);
  CHECK(shown >= 5);
  CHECK(after <= 1);
  CHECK(seconds_since(at) < 1);
  runner.quick_s = 0;
  CHECK(!tune_on(runner, 0.5, 20).stopped);
}

TEST_CASE("an own kernel that wins by more than 1 % displaces the vendor, proven at full effort") {
  FakeRunner runner;
  int shown = 0;
  double best = 1e9;
  const Tuned tuned = tune_on(runner, 2, 100, [&](const Progress& p) {
    ++shown;
    CHECK(p.trial);
    if (!p.best || p.trial->final_timing) return;
    CHECK(p.best->us <= best);
    best = p.best->us;
  });
  REQUIRE(tuned.winner);
  CHECK(tuned.winner->tactic.family == FamilyId::sm80);
  CHECK(tuned.winner->final_timing);
  CHECK(tuned.winner->proposer != "");
  CHECK(tuned.vendor.best_us == 52);
  CHECK(tuned.own->tactic == tuned.winner->tactic);
  CHECK(tuned.artifact.cubin == to_string(tuned.winner->tactic));
  CHECK(runner.land.us(tuned.winner->tactic) < 1.05 * runner.land.optimum());
  CHECK(runner.full_runs == 5);
  CHECK(runner.dropped == 1);
  CHECK(runner.ran_rejected == 0);
  CHECK(runner.runs <= 100);
  CHECK(shown == static_cast<int>(tuned.history.size()));
  CHECK(!tuned.provisional);
}

TEST_CASE("the vendor stays when the own kernel's lead is under 1 % in the finals, or is not proven") {
  FakeRunner close;
  close.finals_scale = 51.7 / close.land.optimum();
  const Tuned tied = tune_on(close, 2, 60);
  REQUIRE(tied.winner);
  CHECK(tied.winner->tactic.family == FamilyId::vendor);
  CHECK(tied.own);
  CHECK(tied.artifact.vendor_algo == to_string(tied.winner->tactic));
  CHECK(tied.winner->tactic.algo == 1);

  FakeRunner disturbed;  // the rounds' ratios say 1.1x, the medians of the same window 0.95x
  disturbed.finals_scale = 55 / disturbed.land.optimum();
  disturbed.finals_ratio = 1.1;
  const Tuned torn = tune_on(disturbed, 2, 60);
  REQUIRE(torn.winner);
  CHECK(torn.winner->tactic.family == FamilyId::vendor);

  FakeRunner fooled;
  fooled.full_effort_fails = true;
  const Tuned wrong = tune_on(fooled, 1, 60);
  REQUIRE(wrong.winner);
  CHECK(wrong.winner->tactic.family == FamilyId::vendor);
}

TEST_CASE("without a vendor the best own kernel wins; with neither there is a reason") {
  FakeRunner runner;
  runner.vendor_us.clear();
  const Tuned own = tune_on(runner, 1, 60);
  REQUIRE(own.winner);
  CHECK(own.winner->tactic.family == FamilyId::sm80);

  FakeRunner nothing;
  nothing.vendor_us.clear();
  nothing.land.failing = 1.0;
  const Tuned none = tune_on(nothing, 0.5, 40);
  CHECK(!none.winner);
  CHECK(none.note.find("no tactic ran correctly") != std::string::npos);

  FakeRunner only_vendor;
  Space empty = only_vendor.land.space();
  empty.tactics.clear();
  empty.refusals = {"sm80: a reason"};
  const Tuned vendor = tune(only_vendor.land.problem, only_vendor.land.device, empty, only_vendor, offline(), {0.5, 40, 6});
  REQUIRE(vendor.winner);
  CHECK(vendor.winner->us == 52);
  CHECK(vendor.note.find("sm80: a reason") != std::string::npos);
  CHECK(vendor.seconds < 0.3);
}

TEST_CASE("the budget covers compiles and trials, and is never exceeded by more than one trial") {
  for (const double compile_s : {0.0, 0.05, 0.4}) {
    CAPTURE(compile_s);
    FakeRunner runner;
    runner.cores = 2;
    runner.compile_s = compile_s;
    runner.quick_s = 0.01, runner.full_s = 0.04;
    const auto start = Clock::now();
    const Tuned tuned = tune_on(runner, 0.8);
    CHECK(seconds_since(start) < 0.8 + 0.12);
    CHECK(tuned.seconds <= seconds_since(start));
    REQUIRE(tuned.winner);
    CHECK(runner.full_runs >= 1);
    CHECK(tuned.own);
    if (compile_s == 0.05) CHECK(runner.waited_for_compile == 0);
  }
}

TEST_CASE("a compile slower than the budget leaves the vendor in place, in time") {
  FakeRunner runner;
  runner.compile_s = 30;
  const auto start = Clock::now();
  const Tuned tuned = tune_on(runner, 0.4);
  CHECK(seconds_since(start) < 0.6);
  REQUIRE(tuned.winner);
  CHECK(tuned.winner->tactic.family == FamilyId::vendor);
  CHECK(tuned.winner->us == 52);
}

TEST_CASE("the vendor is timed while the first compiles run") {
  FakeRunner runner;
  runner.compile_s = 0.1;
  tune_on(runner, 0.5);
  REQUIRE(runner.ran.size() > 4);
  for (int i = 0; i < 3; ++i) CHECK(runner.ran[static_cast<std::size_t>(i)].family == FamilyId::vendor);
}

TEST_CASE("an answer under way is waited for within the deadline only") {
  FakeRunner runner;
  const Tactic named = runner.land.space().tactics[900].tactic;
  const auto with = [&](double answer_s, double budget_s) {
    auto list = offline();
    list.push_back(std::make_unique<Slow>(answer_s, named));
    Space space = runner.land.space();
    space.tactics.resize(12);
    return tune(runner.land.problem, runner.land.device, space, runner, std::move(list), {budget_s, 1000, 6});
  };
  const Tuned heard = with(0.2, 1.0);
  const auto it = std::find_if(heard.history.begin(), heard.history.end(), [](const Trial& t) { return t.proposer == "slow"; });
  REQUIRE(it != heard.history.end());
  CHECK(it->tactic == named);
  CHECK(it->round == 1);
  CHECK(heard.seconds < 0.5);

  const Tuned late = with(30, 0.4);
  CHECK(late.seconds < 0.5);
  CHECK(late.winner);
  CHECK(late.note.find("too late") != std::string::npos);
}

TEST_CASE("when no own kernel compiles the vendor's record is provisional and says why") {
  FakeRunner runner;
  runner.compiler_broken = true;
  const Tuned tuned = tune_on(runner, 0.3, 20);
  REQUIRE(tuned.winner);
  CHECK(tuned.winner->tactic.family == FamilyId::vendor);
  CHECK(tuned.provisional);
  CHECK(tuned.note.find("no own kernel compiled: no builtins") != std::string::npos);
  FakeRunner sound;
  CHECK(!tune_on(sound, 0.3, 20).provisional);
}

TEST_CASE("a drifting anchor makes the result provisional") {
  FakeRunner runner;
  runner.drift = 0.08;
  CHECK(tune_on(runner, 0.3, 20).provisional);
}

TEST_CASE("an answer waited for is heard out; one that could not be tried any more is not waited for") {
  FakeRunner runner;
  auto proposers = offline();  // the slow one last: it still gets its turn
  const Tactic late = parse_tactic("sm80 tile_m=96 tile_n=96 tile_k=32 stages=3");
  proposers.push_back(std::make_unique<Slow>(0.5, late));
  const Tuned heard =
      tune(runner.land.problem, runner.land.device, runner.land.space(), runner, std::move(proposers), {3, 100000, 6}, {});
  CHECK(std::any_of(heard.history.begin(), heard.history.end(),
                    [&](const Trial& t) { return t.tactic == late && t.proposer == "slow" && t.round == 1; }));
  CHECK(heard.seconds < 2.5);

  proposers = offline();
  proposers.push_back(std::make_unique<Slow>(60, late));
  const Tuned limited =
      tune(runner.land.problem, runner.land.device, runner.land.space(), runner, std::move(proposers), {5, 40, 6}, {});
  CHECK(limited.seconds < 2);
  CHECK(limited.winner);
}

TEST_CASE("a survey that eats the budget leaves own kernels their share; a search without a verdict on any is provisional") {
  FakeRunner slow;
  slow.survey_s = 0.3;
  const Tuned late = tune_on(slow, 0.3);
  CHECK(late.trials >= 3);
  REQUIRE(late.winner);
  CHECK(!is_vendor(late.winner->tactic));
  CHECK(late.seconds < 0.6);

  FakeRunner stuck;
  stuck.compile_s = 30;
  const Tuned unfinished = tune_on(stuck, 0.2);
  CHECK(unfinished.unfinished);
  CHECK(unfinished.provisional);
}
