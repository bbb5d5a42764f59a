// Search quality on recorded sweeps: no GPU, no compiler, times from the recordings. A sweep is a sample of its space, so these
// fractions are of the best of the sample.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "cache/pack.hpp"
#include "recording/recording.hpp"
#include "search/proposers.hpp"
#include "search/search.hpp"

using namespace ak;

namespace {

constexpr int kPoints[] = {1, 4, 8, 16, 32, 64};

struct Sweep {
  Recording recording;
  Space space;
  std::unordered_map<Tactic, const Trial*, TacticHash> trials;
  double optimum = INFINITY;

  explicit Sweep(const std::string& file) : recording(Recording::read(file)) {
    space = make_space(recording.header.problem, recording.header.device);
    for (const RecordedTrial& each : recording.trials)
      if (each.trial.tactic.family != FamilyId::vendor) {
        trials[each.trial.tactic] = &each.trial;
        if (each.trial.correct()) optimum = std::min(optimum, each.trial.us);
      }
    for (RankedTactic& ranked : space.tactics)
      if (ranked.tactic.overlap == 1) ranked.tactic = recorded(ranked.tactic);
    std::unordered_set<Tactic, TacticHash> seen;
    std::erase_if(space.tactics, [&](const RankedTactic& ranked) {
      return !trials.contains(ranked.tactic) || !seen.insert(ranked.tactic).second;
    });
    space.rejects = [this](const Tactic& t) {
      return trials.contains(t) ? std::nullopt : std::optional<std::string>("not recorded");
    };
  }

  // Sweeps from before kernels could overlap stand for the same tactics with it.
  Tactic recorded(const Tactic& tactic) const {
    Tactic twin = tactic;
    twin.overlap = 0;
    return trials.contains(tactic) || !trials.contains(twin) ? tactic : twin;
  }

  // optimum / best after every trial. `ahead` candidates wait at any time, as while they compile.
  std::vector<double> curve(std::initializer_list<std::string_view> proposers, const ProposerInputs& inputs,
                            std::size_t ahead) const {
    std::vector<std::unique_ptr<Proposer>> list;
    for (const auto name : proposers) list.push_back(make_proposer(name, inputs));
    Search search(recording.header.problem, recording.header.device, space, std::move(list), {.patience = 100000});
    std::vector<double> fractions;
    double best = INFINITY;
    for (int n = 1; n <= kPoints[std::size(kPoints) - 1]; ++n) {
      if (search.queued() <= ahead * 3 / 4) search.refill(ahead, 1);
      if (const auto candidate = search.next(); candidate && !candidate->full) {
        const Trial& trial = *trials.at(candidate->tactic);
        if (trial.correct()) best = std::min(best, trial.us);
        search.report(trial);
      }
      fractions.push_back(optimum / best);
    }
    return fractions;
  }

  // The curve at kPoints.
  std::vector<double> run(std::initializer_list<std::string_view> proposers, std::uint64_t seed, std::size_t ahead) const {
    const auto all = curve(proposers, {seed, {}}, ahead);
    std::vector<double> fractions;
    for (const int n : kPoints) fractions.push_back(all[static_cast<std::size_t>(n - 1)]);
    return fractions;
  }
};

std::string shown(const std::vector<double>& fractions) {
  std::string text;
  for (std::size_t i = 0; i < fractions.size(); ++i) text += fmt::format("  {}: {:.3f}", kPoints[i], fractions[i]);
  return text;
}

}  // namespace

TEST_CASE("on recorded sweeps the offline search is near the optimum after 64 trials, and random is not") {
  const auto files = recording_files(std::string(AK_SOURCE_DIR) + "/tests/recordings");
  REQUIRE(files.size() >= 6);
  std::vector<double> log_offline(std::size(kPoints)), log_random(std::size(kPoints));
  double worst = 1;
  for (const auto& file : files) {
    const Sweep sweep(file);
    CAPTURE(file);
    REQUIRE(sweep.trials.size() >= 300);
    const auto offline = sweep.run({"local", "offline"}, 1, 24);
    MESSAGE(to_string(sweep.recording.header.problem)
            << ": " << sweep.space.tactics.size() << " tactics, offline" << shown(offline));
    for (std::size_t i = 0; i < offline.size(); ++i)
      log_offline[i] += std::log(std::max(offline[i], 1e-3)) / static_cast<double>(files.size());
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const auto random = sweep.run({"random"}, seed, 24);
      for (std::size_t i = 0; i < random.size(); ++i)
        log_random[i] += std::log(std::max(random[i], 1e-3)) / 10 / static_cast<double>(files.size());
    }
    worst = std::min(worst, offline.back());
  }
  for (auto* logs : {&log_offline, &log_random})
    for (double& value : *logs) value = std::exp(value);
  MESSAGE("geometric mean, offline" << shown(log_offline) << "; random" << shown(log_random));
  CHECK(log_offline.front() > 0.85);  // the cost model's first choice
  CHECK(log_offline.back() > 0.97);
  CHECK(log_offline[3] > log_random[3]);
  CHECK(worst > 0.9);
}

// The first trial that came within 2 % of the best of the sweep; one more than there were when none did.
int within_two_percent(const std::vector<double>& curve) {
  const auto at = std::find_if(curve.begin(), curve.end(), [](double fraction) { return fraction >= 0.98; });
  return static_cast<int>(at - curve.begin()) + 1;
}

TEST_CASE("on recorded sweeps the winners of other problems lead a blind search and do not hold up the cost model's") {
  const Pack shipped = shipped_pack();
  REQUIRE(shipped.entries.size() > 100);
  const auto files = recording_files(std::string(AK_SOURCE_DIR) + "/tests/recordings");
  double logs[4] = {};  // of trials: cost model without and with the portfolio, random without and with
  for (const auto& file : files) {
    const Sweep sweep(file);
    const Problem& problem = sweep.recording.header.problem;
    std::vector<PortfolioItem> others;  // leave-one-out: nothing of the sweep's own size, whatever the activation
    for (const PackEntry& entry : shipped.entries) {
      const Problem& p = entry.record.problem;
      if (entry.kernel() && !(p.m == problem.m && p.n == problem.n && p.k == problem.k))
        others.push_back({p, sweep.recorded(*entry.kernel())});
    }
    const auto proposals =
        make_proposer("portfolio", {1, others})->propose({problem, sweep.recording.header.device, sweep.space, {}}, 64);
    const auto in_sweep =
        std::count_if(proposals.begin(), proposals.end(), [&](const Proposal& p) { return sweep.trials.contains(p.tactic); });
    double trials[4] = {};
    trials[0] = within_two_percent(sweep.curve({"local", "offline"}, {}, 24));
    trials[1] = within_two_percent(sweep.curve({"portfolio", "local", "offline"}, {1, others}, 24));
    constexpr int kSeeds = 10;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      trials[2] += within_two_percent(sweep.curve({"random"}, {seed, {}}, 24)) / static_cast<double>(kSeeds);
      trials[3] += within_two_percent(sweep.curve({"portfolio", "random"}, {seed, others}, 24)) / static_cast<double>(kSeeds);
    }
    MESSAGE(
        fmt::format("{}: {} of {} proposals are in the sweep; trials to within 2 %: cost model {}, with the portfolio {}; "
                    "random {:.1f}, with the portfolio {:.1f}",
                    to_string(problem), in_sweep, proposals.size(), trials[0], trials[1], trials[2], trials[3]));
    for (int i = 0; i < 4; ++i) logs[i] += std::log(trials[i]) / static_cast<double>(files.size());
  }
  for (double& value : logs) value = std::exp(value);
  MESSAGE(fmt::format("geometric mean: cost model {:.1f}, with the portfolio {:.1f}; random {:.1f}, with the portfolio {:.1f}",
                      logs[0], logs[1], logs[2], logs[3]));
  CHECK(logs[1] < 2 * logs[0]);
  CHECK(logs[3] < logs[2]);
}
