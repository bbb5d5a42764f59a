#include "tune/tuner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "base/log.hpp"
#include "search/search.hpp"

namespace ak {
namespace {

constexpr double kLeastReserve = 0.14, kMostReserve = 0.25;  // of the budget, for full effort and finals:
constexpr double kReserveTrials = 24;                        //   they take about as long as so many quick trials
constexpr double kVendorShare = 0.3;                         // of the budget, at most, to find cuBLASLt's best
constexpr double kOwnShare = 0.5;                            // of the budget, at least, for own kernels after that
constexpr double kQuickShare = 0.25;                         // of the budget, at most, for one quick trial, compile included
constexpr double kFullShare = 0.5;                           // of what is left, at most, for one leader at full effort
constexpr auto kPoll = std::chrono::microseconds(300);

// How much faster than the vendor, of the same window: the median of the rounds' ratios and the ratio of their medians must
// both say so, for in a disturbed window they part.
double paired_gain(const Trial& own, const Trial& vendor) {
  const double of_medians = vendor.us / own.us;
  if (own.ratio <= 0) return of_medians;
  return vendor.final_timing ? std::min(own.ratio, of_medians) : own.ratio;
}

class Tuning {
 public:
  Tuning(const Problem& problem, const DeviceFacts& device, const Space& space, Runner& runner,
         std::vector<std::unique_ptr<Proposer>> proposers, Spending& spending, const ProgressSink& progress)
      : problem_(problem),
        runner_(runner),
        spending_(spending.left(), &spending),
        progress_(progress),
        deadline_(allowance_.deadline()),
        ahead_(static_cast<std::size_t>(allowance_.ahead())),
        search_(problem, device, space, std::move(proposers), limits(allowance_)) {
    if (space.tactics.empty() && !space.refusals.empty()) note(fmt::format("{}", fmt::join(space.refusals, "; ")));
  }

  Tuned run() {
    refill();  // compiles start first: loading the vendor's library takes as long as a compile
    search_.offer_vendor(runner_.vendor_tactics(deadline_.sooner(kVendorShare * allowance_.seconds)));
    log(LogLevel::debug, "vendor surveyed at {:.3f} s, {} candidates ahead", seconds_since(start_), ahead_);
    // Whatever the survey took, own kernels get a share; at most so much is the whole budget overrun.
    deadline_ =
        deadline_.later(std::min(kOwnShare * allowance_.seconds, (1 + kMostOverrun) * allowance_.seconds - spending_.spent()));
    rest(seconds_since(start_));
    explore();
    result_.explore_s = seconds_since(start_);
    refine();
    result_.refine_s = seconds_since(start_) - result_.explore_s;
    decide();
    result_.finals_s = seconds_since(start_) - result_.refine_s - result_.explore_s;
    return finish();
  }

 private:
  static SearchLimits limits(const Allowance& allowance) {
    SearchLimits limits;
    limits.trials = std::max(0, allowance.trials);
    return limits;
  }

  double reserve() const {
    const double expected = quick_trials_ ? kReserveTrials * quick_s_ / quick_trials_ : 0;
    return std::clamp(expected, kLeastReserve * allowance_.seconds, kMostReserve * allowance_.seconds);
  }

  void note(const std::string& line) {
    if (!line.empty()) note_ += (note_.empty() ? "" : "; ") + line;
  }

  // A quarter of the queue at a time. Compiles are the bottleneck, so the queue is short: what waits in it was proposed without
  // knowing the trials before it.
  void refill() {
    if (search_.queued() > ahead_ * 3 / 4 && !search_.pending()) return;
    const auto added = search_.refill(ahead_, deadline_.remaining() / allowance_.seconds);
    if (added.empty()) return;
    proposed_ = true;
    runner_.prefetch(added);
  }

  Trial dated(Trial trial) const {
    trial.unix_time = static_cast<std::int64_t>(std::time(nullptr));
    trial.search_s = seconds_since(start_);
    trial.regime_us[static_cast<int>(trial.regime)] = trial.us;
    return trial;
  }

  // The deadline is that much later.
  void rest(double used) {
    const double left = deadline_.remaining();
    spending_.rest(used);
    deadline_ = deadline_.later(left);
  }

  const Trial& run(const Candidate& candidate, Deadline deadline) {
    const auto before = Clock::now();
    search_.report(dated(runner_.run(candidate.tactic, candidate.full ? Effort::full : Effort::quick, deadline)));
    const Trial& trial = search_.history().back();
    last_run_s_ = seconds_since(before);
    if (!candidate.full && trial.correct()) quick_s_ += last_run_s_, ++quick_trials_;
    log(LogLevel::debug, "at {:.3f} s: {:.1f} ms, compile {:.2f} s, {} queued: {}", seconds_since(start_), last_run_s_ * 1e3,
        trial.compile_s, search_.queued(), trial.proposer);
    show(trial);
    rest(last_run_s_);
    return trial;
  }

  void show(const Trial& trial) {
    log(LogLevel::debug, "{}: {} {} {:.2f} us {}", trial.proposer, to_string(trial.tactic), name(trial.outcome), trial.us,
        trial.why);
    if (!progress_) return;
    const Trial* own = search_.best();
    const Trial* vendor = search_.best_vendor();
    const Trial* best = own && vendor ? (own->us < vendor->us ? own : vendor) : own ? own : vendor;
    progress_({&problem_, &trial, best, search_.own_trials(), spending_.spent(), allowance_.seconds});
  }

  void explore() {
    const auto ready = [&](const Tactic& tactic) { return runner_.ready(tactic); };
    while (search_.exploring() && deadline_.remaining() > reserve()) {
      refill();
      const auto candidate = search_.next(ready);
      if (candidate && candidate->full) {  // the search ended its exploration by itself
        runner_.drop_prefetched();
        run(*candidate, deadline_.sooner(kFullShare * deadline_.remaining()));
        return;
      }
      if (candidate)
        run(*candidate, deadline_.sooner(kQuickShare * allowance_.seconds));
      else if (search_.exploring())
        std::this_thread::sleep_for(kPoll);  // for a compile or for a proposer's answer
    }
    // Compiles slower than the whole exploration: wait for one rather than end without an own kernel.
    for (int i = 0; i < 2 && search_.exploring() && !search_.best() && !deadline_.passed(); ++i)
      if (const auto candidate = search_.next(); candidate && !candidate->full) run(*candidate, deadline_);
    if (search_.pending()) note("a proposer's answer came too late");
    search_.stop_exploring();
    runner_.drop_prefetched();
  }

  void refine() {
    double longest = 0;
    bool any = false;
    while (!deadline_.passed()) {
      // The finals take about as long as two such runs.
      if (any && deadline_.remaining() < 3 * longest) break;
      const auto candidate = search_.next();
      if (!candidate) break;
      any |= run(*candidate, deadline_.sooner(kFullShare * deadline_.remaining())).correct();
      longest = std::max(longest, last_run_s_);
    }
  }

  void decide() {
    const auto finalists = search_.finalists();
    if (finalists.size() > 1 && !deadline_.passed()) {
      const std::size_t before = search_.history().size();
      std::vector<Trial> finals = runner_.finals(finalists, deadline_);
      for (Trial& trial : finals) trial = dated(std::move(trial));
      search_.report_finals(finals);
      for (std::size_t i = before; i < search_.history().size(); ++i) show(search_.history()[i]);
    }
    result_.vendor = runner_.vendor();
    const Trial* own = search_.best();
    const Trial* vendor = search_.best_vendor();
    if (own) result_.own = *own;
    // Only full effort proves a kernel; without a vendor a briefly verified one is still better than none.
    if (own && vendor && own->final_timing && paired_gain(*own, *vendor) >= kDisplacement)
      result_.winner = *own;
    else if (vendor)
      result_.winner = *vendor;
    else if (own)
      result_.winner = *own;
    else
      note("no tactic ran correctly");
  }

  // A failure when that is how all own trials ended: the compiler's fault, not the kernels'.
  const Trial* none_compiled() const {
    const Trial* failed = nullptr;
    for (const Trial& trial : search_.history()) {
      if (is_vendor(trial.tactic) || trial.outcome == Outcome::constraints) continue;
      if (trial.outcome != Outcome::compile) return nullptr;
      failed = &trial;
    }
    return failed;
  }

  // Nothing was learned of own kernels for lack of time or memory.
  bool unfinished() const {
    bool lacked = proposed_ && search_.own_trials() == 0;
    for (const Trial& trial : search_.history()) {
      if (is_vendor(trial.tactic) || trial.outcome == Outcome::constraints) continue;
      if (trial.outcome != Outcome::timeout) return false;
      lacked = true;
    }
    return lacked;
  }

  Tuned finish() {
    if (result_.winner) result_.artifact = runner_.artifact(result_.winner->tactic);
    result_.history.assign(search_.history().begin(), search_.history().end());
    result_.seconds = seconds_since(start_);
    result_.trials = search_.own_trials();
    result_.compiles = runner_.compiles();
    result_.provisional = runner_.anchor_drift() > kMostDrift;
    result_.stopped = deadline_.stopped();
    if (const Trial* failed = none_compiled()) {
      result_.provisional = true;
      note(fmt::format("no own kernel compiled: {}", failed->why));
      warn_once(fmt::format("no own kernel compiles here ({}); `ak doctor` checks the compiler", failed->why));
    }
    if (unfinished()) {
      result_.provisional = result_.unfinished = true;
      note("no own kernel could be tried in time");
    }
    if (result_.winner)
      if (const std::string where = runner_.extent(result_.winner->tactic); !where.empty())
        note(fmt::format("proven and timed {}", where));
    note(search_.note());
    result_.note = std::move(note_);
    return std::move(result_);
  }

  const Problem& problem_;
  Runner& runner_;
  Spending spending_;
  const Allowance& allowance_ = spending_.allowance();
  const ProgressSink& progress_;
  const Clock::time_point start_ = Clock::now();
  Deadline deadline_;
  const std::size_t ahead_;
  Search search_;
  Tuned result_;
  std::string note_;
  bool proposed_ = false;
  double quick_s_ = 0;  // of correct quick trials together
  int quick_trials_ = 0;
  double last_run_s_ = 0;
};

}  // namespace

Tuned tune(const Problem& problem, const DeviceFacts& device, const Space& space, Runner& runner,
           std::vector<std::unique_ptr<Proposer>> proposers, Spending& spending, const ProgressSink& progress) {
  return Tuning(problem, device, space, runner, std::move(proposers), spending, progress).run();
}

Tuned tune(const Problem& problem, const DeviceFacts& device, const Space& space, Runner& runner,
           std::vector<std::unique_ptr<Proposer>> proposers, const Allowance& allowance, const ProgressSink& progress) {
  Spending spending(allowance);
  return tune(problem, device, space, runner, std::move(proposers), spending, progress);
}

}  // namespace ak
