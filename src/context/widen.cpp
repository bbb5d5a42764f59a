#include "context/widen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/log.hpp"
#include "context/describe.hpp"
#include "core/bucket.hpp"
#include "search/proposers.hpp"

namespace ak {
namespace {

constexpr double kLeastSeconds = 0.05;  // of a try

class Widening {
 public:
  Widening(Common& common, Machine& machine, const Problem& problem, const Tuned& found, Spending& spending,
           Quarantine& quarantine, const ProgressSink& progress)
      : common_(common),
        machine_(machine),
        problem_(problem),
        found_(found),
        spending_(spending),
        quarantine_(quarantine),
        progress_(progress) {}

  Widened run() {
    const TokenRange bucket = bucket_of(problem_.m);
    Widened widened{bucket, {}, {}, {}};
    if (bucket.from == bucket.to) return widened;
    const Tuned first = tried(bucket.from);
    if (!decided(first)) return untried(first, bucket.from);
    if (wins(first)) return widened;
    const std::int64_t middle = (bucket.from + bucket.to + 1) / 2;
    const bool upper = !wrong(first) && middle < bucket.to && wins(tried(middle));
    widened.bucket.from = upper ? middle : bucket.to;
    PlanRecord lower = record_of(machine_, with_tokens(problem_, bucket.from), first);
    lower.bucket = {bucket.from, widened.bucket.from - 1};
    lower.provenance.provisional = true;  // of one candidate alone: for its own m prepare and tune search
    lower.provenance.note = joined(lower.provenance.note, fmt::format("{} loses here", served_by(found_.winner->tactic)));
    widened.note = fmt::format("at m={} {} wins, which serves m {} to {}", bucket.from, served_by(lower.tactic),
                               lower.bucket.from, lower.bucket.to);
    widened.cubin = first.artifact.cubin;
    widened.lower = std::move(lower);
    return widened;
  }

 private:
  // The winner beside cuBLASLt's best; where that won, the best own kernel, which may win here.
  Tuned tried(std::int64_t m) {
    const Allowance left = spending_.left();
    if (left.seconds < kLeastSeconds || left.stop.stop_requested()) return {};
    const Problem here = with_tokens(problem_, m);
    try {
      const Space space = machine_.space(here);
      const auto runner = machine_.runner(here, left, &quarantine_);
      ProposerInputs inputs;
      if (const auto& own = is_vendor(found_.winner->tactic) ? found_.own : found_.winner; own && !space.rejects(own->tactic)) {
        inputs.portfolio.push_back({here, own->tactic});
        if (!is_vendor(found_.winner->tactic)) runner->know(own->tactic, found_.artifact.cubin);
      }
      std::vector<std::unique_ptr<Proposer>> list;
      list.push_back(make_proposer("portfolio", inputs));
      Tuned tuned = tune(here, machine_.device(), space, *runner, std::move(list), spending_, progress_);
      common_.ledger.count([&](Counters& c) { c.trials += tuned.trials, c.compiles += tuned.compiles; });
      return tuned;
    } catch (const std::exception& error) {
      Tuned nothing;
      nothing.note = error.what();
      return nothing;
    }
  }

  static bool decided(const Tuned& tuned) { return tuned.winner && !tuned.unfinished; }
  bool wins(const Tuned& tuned) const {
    if (!decided(tuned)) return false;
    const Tactic &here = tuned.winner->tactic, &winner = found_.winner->tactic;
    return is_vendor(winner) ? is_vendor(here) : here == winner;
  }

  // Then nothing is lent to an m at which it was not proven.
  bool wrong(const Tuned& tuned) const {
    return std::ranges::any_of(tuned.history, [&](const Trial& trial) {
      return trial.tactic == found_.winner->tactic && trial.outcome == Outcome::incorrect;
    });
  }

  Widened untried(const Tuned& tuned, std::int64_t m) const {
    Widened none;
    none.note = fmt::format("serves no other m of its bucket: it could not be tried at m={}{}{}", m,
                            tuned.note.empty() ? "" : ": ", tuned.note);
    log(LogLevel::info, "{}: {}", to_string(problem_), none.note);
    return none;
  }

  Common& common_;
  Machine& machine_;
  const Problem problem_;
  const Tuned& found_;
  Spending& spending_;
  Quarantine& quarantine_;
  const ProgressSink& progress_;
};

}  // namespace

PlanRecord record_of(const Machine& machine, const Problem& problem, const Tuned& found) {
  const Trial& winner = *found.winner;
  PlanRecord record;
  record.problem = problem, record.hardware = machine.hardware();
  record.tactic = winner.tactic, record.vendor_algo = found.artifact.vendor_algo;
  record.us = winner.us, record.vendor_us = found.vendor.best_us;
  record.provenance = machine.provenance(problem, winner.tactic, true);
  record.regime = winner.regime;
  record.regime_us = winner.regime_us;
  record.regime_vendor_us[static_cast<int>(Regime::chain)] = record.vendor_us;
  if (!is_vendor(winner.tactic)) record.cubin = digest(found.artifact.cubin);
  record.provenance.proposer = winner.proposer;
  record.provenance.round = winner.round;
  record.provenance.unix_time = static_cast<std::int64_t>(std::time(nullptr));
  record.provenance.trials = found.trials;
  record.provenance.search_s = found.seconds;
  record.provenance.provisional = found.provisional;
  record.provenance.note = found.note;
  return record;
}

Widened widen(Common& common, Machine& machine, const Problem& problem, const Tuned& found, Spending& spending,
              Quarantine& quarantine, const ProgressSink& progress) {
  return Widening(common, machine, problem, found, spending, quarantine, progress).run();
}

}  // namespace ak
