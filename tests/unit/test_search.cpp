#include <doctest/doctest.h>

#include <map>

#include "landscape.hpp"
#include "search/proposers.hpp"

using namespace ak;
using ak::testing::Landscape;
using ak::testing::vendor_tactic;

namespace {

std::vector<std::unique_ptr<Proposer>> some(std::initializer_list<std::string_view> names, std::uint64_t seed = 1) {
  std::vector<std::unique_ptr<Proposer>> list;
  for (const auto name : names) list.push_back(make_proposer(name, {seed, {}}));
  return list;
}

// Runs a search to its end on a landscape; every candidate passes `see`.
template <class See>
void drive(Search& search, const Landscape& land, double noise, See&& see) {
  while (true) {
    search.refill(8, 1);
    const auto candidate = search.next();
    if (!candidate) break;
    see(*candidate);
    Trial trial = land.trial(candidate->tactic, candidate->full ? noise / 4 : noise, search.history().size());
    if (candidate->tactic.family == FamilyId::vendor)
      trial.outcome = Outcome::correct, trial.us = 50 + candidate->tactic.algo, trial.why.clear();
    search.report(trial);
  }
}

double best_after(std::initializer_list<std::string_view> proposers, int trials, std::uint64_t seed, double noise = 0.01) {
  Landscape land;
  land.salt = seed * 13 + 1;
  const Space space = land.space();
  Search search(land.problem, land.device, space, some(proposers, seed), {.trials = trials, .patience = 1000000});
  drive(search, land, noise, [](const Candidate&) {});
  return search.best() ? land.us(search.best()->tactic) / land.optimum() : 10;
}

// Names whatever the function gives.
class Scripted final : public Proposer {
 public:
  explicit Scripted(std::function<std::vector<Proposal>(const SearchView&, std::size_t)> answer) : answer_(std::move(answer)) {}
  std::string_view name() const override { return "scripted"; }
  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override { return answer_(view, count); }
  bool pending() const override { return waiting; }
  std::string note() const override { return silent; }
  bool waiting = false;
  std::string silent;

 private:
  std::function<std::vector<Proposal>(const SearchView&, std::size_t)> answer_;
};

}  // namespace

TEST_CASE("with a rough cost model the offline search comes within 3 % of the optimum far more often than random") {
  int offline = 0, random = 0;
  constexpr int kRuns = 20;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    offline += best_after({"local", "offline"}, 40, seed) < 1.03;
    random += best_after({"random"}, 40, seed) < 1.03;
  }
  MESSAGE("within 3 % after 40 of 1500 trials: offline " << offline << ", random " << random << " of " << kRuns);
  CHECK(offline >= 16);
  CHECK(offline >= 2 * random);
}

TEST_CASE("a search repeats exactly under the same seed") {
  for (const auto name : proposer_names()) {
    if (name == "llm") continue;  // nobody answers here
    CAPTURE(std::string(name));
    Landscape land;
    const Space space = land.space();
    std::vector<std::string> runs[2];
    for (auto& run : runs) {
      Search search(land.problem, land.device, space, some({name, "offline"}, 3), {.trials = 30});
      drive(search, land, 0.01, [&](const Candidate& c) { run.push_back(to_string(c.tactic)); });
    }
    CHECK(runs[0] == runs[1]);
    CHECK(runs[0].size() == 30);
  }
}

TEST_CASE("the trial limit holds, full effort included, and leaves room for leaders") {
  for (const int limit : {0, 1, 2, 3, 10, 100}) {
    CAPTURE(limit);
    Landscape land;
    const Space space = land.space();
    Search search(land.problem, land.device, space, some({"offline", "random"}), {.trials = limit});
    int own = 0, full = 0;
    drive(search, land, 0, [&](const Candidate& c) { ++own, full += c.full; });
    CHECK(own <= limit);
    CHECK(search.own_trials() == own);
    if (limit >= 10) CHECK(full >= 2);
  }
}

TEST_CASE("exploration ends by itself when nothing gains, and leaders of more than one shape go on at full effort") {
  Landscape land;
  const Space space = land.space();
  Search search(land.problem, land.device, space, some({"local", "offline"}), {.patience = 24});
  std::vector<double> refined;
  std::map<std::pair<int, int>, int> of_shape;
  drive(search, land, 0, [&](const Candidate& c) {
    if (!c.full) return;
    refined.push_back(land.us(c.tactic));
    ++of_shape[{c.tactic.tile_m, c.tactic.tile_n}];
  });
  CHECK(search.own_trials() < 200);
  REQUIRE(refined.size() == 5);
  CHECK(refined.front() == *std::min_element(refined.begin(), refined.end()));
  CHECK(of_shape.size() >= 2);
  CHECK(search.best()->final_timing);
}

TEST_CASE("vendor candidates are all run, at no cost to the trial limit, and stand apart") {
  Landscape land;
  const Space space = land.space();
  Search search(land.problem, land.device, space, some({"offline"}), {.trials = 5});
  const std::vector<Tactic> vendors = {vendor_tactic(0), vendor_tactic(1), vendor_tactic(2), vendor_tactic(1)};
  search.offer_vendor(vendors);
  int vendor_runs = 0;
  drive(search, land, 0, [&](const Candidate& c) { vendor_runs += c.tactic.family == FamilyId::vendor; });
  CHECK(vendor_runs == 3);
  CHECK(search.own_trials() == 5);
  REQUIRE(search.best_vendor());
  CHECK(search.best_vendor()->us == 50);
  CHECK(search.best()->tactic.family == FamilyId::sm80);
  CHECK(search.finalists().size() >= 2);
  CHECK(search.finalists().back().family == FamilyId::vendor);
}

TEST_CASE("garbage, duplicates, floods, silence and exceptions from a proposer break nothing and never run") {
  Landscape land;
  const Space space = land.space();
  int salt = 0;
  std::vector<std::unique_ptr<Proposer>> list;
  list.push_back(std::make_unique<Scripted>([&](const SearchView&, std::size_t) {  // garbage, thousands of it, never the same
    std::vector<Proposal> proposals(5000);
    for (auto& p : proposals) p.tactic.tile_m = static_cast<std::int16_t>(-(++salt % 30000)), p.tactic.stages = 32767;
    return proposals;
  }));
  list.push_back(std::make_unique<Scripted>([&](const SearchView& view, std::size_t) {  // duplicates
    return std::vector<Proposal>(3000, Proposal{view.space.tactics.front().tactic, 0});
  }));
  list.push_back(std::make_unique<Scripted>([](const SearchView&, std::size_t) { return std::vector<Proposal>{}; }));
  list.push_back(std::make_unique<Scripted>(
      [](const SearchView&, std::size_t) -> std::vector<Proposal> { throw std::runtime_error("lost"); }));
  list.push_back(std::make_unique<Scripted>([](const SearchView&, std::size_t) {  // the vendor is not a proposer's to name
    return std::vector<Proposal>{{vendor_tactic(5), 0}};
  }));
  for (auto& p : some({"offline"})) list.push_back(std::move(p));
  Search search(land.problem, land.device, space, std::move(list), {.trials = 20});
  TacticSet seen;
  int own = 0;
  drive(search, land, 0, [&](const Candidate& c) {
    CHECK(!land.rejects(c.tactic));
    if (!c.full) CHECK(seen.insert(c.tactic).second);
    ++own;
  });
  CHECK(own == 20);
  CHECK(search.best());
  CHECK(search.history().size() < 5000);
  CHECK(search.note().find("lost") != std::string::npos);
  const auto rejected = std::count_if(search.history().begin(), search.history().end(), [](const Trial& t) {
    return t.outcome == Outcome::constraints && !t.why.empty() && t.proposer == "scripted";
  });
  CHECK(rejected > 0);
}

TEST_CASE("a proposer of nothing but garbage ends the search instead of turning it into a loop") {
  Landscape land;
  const Space space = land.space();
  int salt = 0;
  std::vector<std::unique_ptr<Proposer>> list;
  list.push_back(std::make_unique<Scripted>([&](const SearchView&, std::size_t count) {
    std::vector<Proposal> proposals(count);
    for (auto& p : proposals) p.tactic.raster = static_cast<std::int16_t>(++salt);
    return proposals;
  }));
  Search search(land.problem, land.device, space, std::move(list));
  int runs = 0;
  drive(search, land, 0, [&](const Candidate&) { ++runs; });
  CHECK(runs == 0);
  CHECK(search.exhausted());
  CHECK(!search.best());
}

TEST_CASE("an answer under way keeps the exploration open; its proposals join with proposer and round") {
  Landscape land;
  const Space space = land.space();
  const Tactic named = space.tactics[700].tactic;
  auto scripted = std::make_unique<Scripted>([](const SearchView&, std::size_t) { return std::vector<Proposal>{}; });
  Scripted* slow = scripted.get();
  slow->waiting = true;
  std::vector<std::unique_ptr<Proposer>> list;
  list.push_back(std::move(scripted));
  Search search(land.problem, land.device, space, std::move(list));
  CHECK(search.refill(4, 1).empty());
  CHECK(!search.next());
  CHECK(search.exploring());
  CHECK(!search.exhausted());
  *slow = Scripted([&](const SearchView&, std::size_t) { return std::vector<Proposal>{{named, 2}}; });
  REQUIRE(search.refill(4, 1).size() == 1);
  const auto candidate = search.next();
  REQUIRE(candidate);
  CHECK(candidate->tactic == named);
  CHECK(candidate->proposer == "scripted");
  CHECK(candidate->round == 2);
}

TEST_CASE("candidates that are ready go first") {
  Landscape land;
  const Space space = land.space();
  Search search(land.problem, land.device, space, some({"offline"}));
  const auto queued = search.refill(6, 1);
  REQUIRE(queued.size() == 6);
  const auto candidate = search.next([&](const Tactic& t) { return t == queued[4]; });
  REQUIRE(candidate);
  CHECK(candidate->tactic == queued[4]);
  CHECK(!search.next([](const Tactic&) { return false; }));
  CHECK(search.queued() == 5);
}

TEST_CASE("tactics of different windows are compared by their ratio to the vendor") {
  Landscape land;
  land.failing = 1e-9;
  const Space space = land.space();
  Search search(land.problem, land.device, space, some({"offline"}), {.trials = 4});
  search.offer_vendor(std::vector<Tactic>{vendor_tactic(0)});
  const auto run = [&](double us, double ratio) {
    search.refill(2, 1);
    const auto candidate = search.next();
    REQUIRE(candidate);
    Trial trial = land.trial(candidate->tactic);
    trial.outcome = Outcome::correct, trial.us = us, trial.ratio = ratio;
    search.report(trial);
    return candidate->tactic;
  };
  run(50, 1);                          // the vendor, at the first window's clock
  run(45, 50.0 / 45);                  // 1.11x
  const Tactic better = run(48, 1.2);  // a slower clock: the vendor took 57.6 there
  REQUIRE(search.best());
  CHECK(search.best()->tactic == better);
}

TEST_CASE("a tactic that fails later loses what it had won") {
  Landscape land;
  land.failing = 1e-9;
  const Space space = land.space();
  Search search(land.problem, land.device, space, some({"offline"}), {.trials = 12});
  Tactic fooled;
  while (true) {
    search.refill(4, 1);
    const auto candidate = search.next();
    if (!candidate) break;
    Trial trial = land.trial(candidate->tactic);
    if (search.own_trials() == 0) fooled = candidate->tactic, trial.us = 1;
    if (candidate->full && candidate->tactic == fooled) trial.outcome = Outcome::incorrect, trial.us = 0;
    search.report(trial);
  }
  REQUIRE(search.best());
  CHECK(search.best()->tactic != fooled);
  CHECK(search.best()->final_timing);
  for (const Tactic& finalist : search.finalists()) CHECK(finalist != fooled);
}

TEST_CASE("finals and leaders that time out revoke nothing; a fault does") {
  Landscape land;
  land.failing = 1e-9;
  const Space space = land.space();
  for (const bool full_times_out : {false, true}) {
    Search search(land.problem, land.device, space, some({"offline"}), {.trials = 12});
    search.offer_vendor(std::vector<Tactic>{vendor_tactic(0)});
    int full = 0;
    while (true) {
      search.refill(4, 1);
      const auto candidate = search.next();
      if (!candidate) break;
      Trial trial = land.trial(candidate->tactic);
      if (is_vendor(candidate->tactic)) trial.outcome = Outcome::correct, trial.us = 50, trial.why.clear();
      full += candidate->full;
      if (candidate->full && full_times_out) trial.outcome = Outcome::timeout, trial.us = 0;
      search.report(trial);
    }
    CHECK(full >= 2);  // one that timed out leaves its place to the next
    CHECK(search.own_trials() <= 12);
    REQUIRE(search.best());
    const Tactic best = search.best()->tactic;
    const auto finalists = search.finalists();
    std::vector<Trial> late(finalists.size());
    for (std::size_t i = 0; i < late.size(); ++i)
      late[i].tactic = finalists[i], late[i].outcome = Outcome::timeout, late[i].why = "did not end in time";
    search.report_finals(late);
    REQUIRE(search.best());
    CHECK(search.best()->tactic == best);
    REQUIRE(search.best_vendor());
    for (Trial& trial : late) trial.outcome = Outcome::runtime;
    search.report_finals(late);
    CHECK(!search.best_vendor());
    if (!full_times_out) CHECK((!search.best() || search.best()->tactic != best));
  }
}
