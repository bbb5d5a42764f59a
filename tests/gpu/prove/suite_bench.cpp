// The suites' rows against cuBLASLt. A problem is searched for once, with its first activation; for every other one the
// search's leaders are compiled, proven and timed again, as the library itself would try a near problem's winners. Trials are
// made as a call's are, in the worker and in this process as AK_ISOLATION says.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <sstream>
#include <unordered_map>

#include "context/common.hpp"
#include "core/activation.hpp"
#include "machine/gpu.hpp"
#include "prove/prove.hpp"
#include "prove/suite.hpp"
#include "runner/gpu_trials.hpp"
#include "search/proposers.hpp"
#include "settings.hpp"
#include "tune/tuner.hpp"

namespace ak::proof {
namespace {

constexpr std::size_t kLeaders = 5;        // of a search, tried with the other activations
constexpr std::size_t kDefaultTries = 16;  // the cost model's first choice is its first one that compiles and is right
constexpr int kRounds = 15;
constexpr double kGraphUs = 1500;

// One problem with one activation.
class Bout {
 public:
  Bout(const SuiteRow& row, Activation activation, Machine& machine, const Allowance& allowance)
      : row_(row),
        problem_(row.problem(activation)),
        allowance_(allowance),
        machine_(machine),
        space_(machine.space(problem_)),
        made_(machine.runner(problem_, allowance)),
        runner_(static_cast<GpuTrials&>(*made_)) {}

  /// Starts compiling what run() will try.
  void prefetch(const std::vector<Tactic>& leaders) {
    runner_.prefetch(leaders);
    if (!space_.tactics.empty()) runner_.prefetch({&space_.tactics[0].tactic, 1});
  }

  /// Without leaders a whole search.
  BenchRow run(const std::vector<Tactic>& leaders) {
    machine_.warm_up(problem_);
    std::vector<std::unique_ptr<Proposer>> proposers;
    if (leaders.empty()) {
      for (const auto which : {"local", "offline"}) proposers.push_back(make_proposer(which));
    } else {
      ProposerInputs inputs;
      for (const Tactic& tactic : leaders) inputs.portfolio.push_back({problem_, tactic});
      proposers.push_back(make_proposer("portfolio", inputs));
    }
    tuned_ = tune(problem_, machine_.device(), space_, runner_, std::move(proposers), allowance_);
    return measure();
  }

  /// After run(): the own tactics that came nearest, the best first.
  std::vector<Tactic> leaders() const {
    std::unordered_map<Tactic, const Trial*, TacticHash> last;
    for (const Trial& trial : tuned_.history)
      if (!is_vendor(trial.tactic)) last[trial.tactic] = &trial;
    std::vector<const Trial*> order;
    for (const auto& [tactic, trial] : last)
      if (trial->correct() && !(tuned_.own && tactic == tuned_.own->tactic)) order.push_back(trial);
    const auto cost = [](const Trial* t) { return t->ratio > 0 ? 1 / t->ratio : t->us; };
    std::sort(order.begin(), order.end(), [&](const Trial* a, const Trial* b) { return cost(a) < cost(b); });
    std::vector<Tactic> tactics;
    if (tuned_.own) tactics.push_back(tuned_.own->tactic);
    for (const Trial* trial : order)
      if (tactics.size() < kLeaders) tactics.push_back(trial->tactic);
    return tactics;
  }

 private:
  PlanPtr default_plan() {
    std::vector<Tactic> best;
    for (const RankedTactic& ranked : space_.tactics)
      if (best.size() < kDefaultTries) best.push_back(ranked.tactic);
    PlanPtr plan;
    for (const Tactic& tactic : best) {
      if (runner_.verify(tactic, Effort::quick, Deadline::in(10)).correct()) plan = runner_.plan(tactic);
      if (plan) break;
      runner_.prefetch(best);
    }
    runner_.drop_prefetched();
    return plan;
  }

  BenchRow measure() {
    const auto lt = runner_.vendor_arms();
    std::vector<PlanPtr> plans;
    const auto add = [&](const PlanPtr& plan) -> std::optional<std::size_t> {
      if (!plan) return std::nullopt;
      const auto it = std::find(plans.begin(), plans.end(), plan);
      if (it != plans.end()) return it - plans.begin();
      plans.push_back(plan);
      return plans.size() - 1;
    };
    const PlanPtr first_choice = default_plan();
    const auto first = add(lt.first), gemm = add(lt.gemm), fused = add(lt.fused), separate_first = add(lt.separate_first),
               separate = add(lt.separate), own = add(tuned_.own ? runner_.plan(tuned_.own->tactic) : nullptr),
               untuned = add(first_choice), winner = add(tuned_.winner ? runner_.plan(tuned_.winner->tactic) : nullptr);
    if (!winner) throw Error(ErrorCode::unsupported, fmt::format("nothing serves it: {}", tuned_.note));
    std::vector<const LaunchPlan*> arms;
    for (const PlanPtr& plan : plans) arms.push_back(plan.get());

    BenchRow row;
    row.m = problem_.m, row.n = problem_.n, row.k = problem_.k, row.kind = row_.kind, row.epilogue = row_.epilogue;
    row.dtype = name(problem_.in), row.activation = name(problem_.epilogue.activation);
    if (tuned_.own) {
      row.own_tactic = to_string(tuned_.own->tactic);
      row.own_digest = current_digests().at(std::string(name(tuned_.own->tactic.family))).substr(0, 8);
    }
    if (first_choice) row.default_tactic = to_string(first_choice->tactic());
    for (row.rounds = 1;; ++row.rounds) {
      const auto timing = runner_.time(arms, kRounds, kGraphUs, Deadline::in(20));
      const auto us = [&](std::optional<std::size_t> arm) { return arm ? std::optional(timing.us[*arm]) : std::nullopt; };
      row.ak_us = *us(winner), row.own_us = us(own), row.default_us = us(untuned);
      row.lt_first_us = us(first).value_or(0), row.lt_gemm_us = us(gemm).value_or(0);
      row.lt_fused_us = us(fused), row.lt_separate_us = us(separate_first);
      // The dispatched one may be a heuristic of cuBLASLt's that the survey had a little behind.
      double best = std::min(row.lt_fused_us.value_or(INFINITY), us(separate).value_or(INFINITY));
      if (is_vendor(tuned_.winner->tactic)) best = std::min(best, row.ak_us);
      row.vendor_us = std::isfinite(best) ? best : 0;
      row.clock_mhz = timing.clock_mhz;
      if (row.rounds == kMostRounds || row.vendor_us >= kLeastDispatched * row.ak_us || row.vendor_us == 0) break;
    }
    row.search_s = tuned_.seconds, row.trials = tuned_.trials;
    return row;
  }

  const SuiteRow row_;
  const Problem problem_;
  const Allowance allowance_;
  Machine& machine_;
  const Space space_;
  const std::unique_ptr<Runner> made_;
  GpuTrials& runner_;
  Tuned tuned_;
};

std::vector<Activation> parse_activations(const std::string& list) {
  std::vector<Activation> activations;
  std::istringstream in(list);
  for (std::string text; std::getline(in, text, ',');) {
    const auto activation = parse_activation(text);
    if (!activation) throw Error(ErrorCode::invalid_argument, fmt::format("no activation '{}'", text));
    activations.push_back(*activation);
  }
  return activations;
}

void print(const BenchRow& r) {
  fmt::print(
      "{:>28} {:<13} own {:9.2f} default {:9.2f} vendor {:9.2f} gemm {:9.2f} separate {:9.2f} | own {:.3f}x ak {:.3f}x{} | "
      "{:4.0f} MHz {} trials {:.1f} s | {}\n",
      r.key(), r.kind, r.own_us.value_or(0), r.default_us.value_or(0), r.vendor_us, r.lt_gemm_us, r.lt_separate_us.value_or(0),
      r.own_us ? r.vendor_us / *r.own_us : 0, r.vendor_us / r.ak_us, r.rounds > 1 ? fmt::format(" in round {}", r.rounds) : "",
      r.clock_mhz, r.trials, r.search_s, r.own_tactic);
  std::fflush(stdout);
}

// One row of a suite, all of its activations that the progress lacks. Returns how many failed.
int bench_row(const SuiteRow& row, const std::vector<Activation>& activations, Machine& machine, const Allowance& allowance,
              ProgressFile& progress, const std::string& digest) {
  const auto id = [&](Activation activation) {
    BenchRow key;
    key.m = row.m, key.n = row.n, key.k = row.k, key.dtype = name(row.dtype), key.activation = name(activation),
    key.epilogue = row.epilogue;
    return "bench " + key.key();
  };
  int failed = 0;
  const auto attempt = [&](Activation activation, Bout& bout, const std::vector<Tactic>& leaders) {
    Step step;
    step.id = id(activation), step.group = "bench", step.digest = digest;
    try {
      step.bench = bout.run(leaders);
    } catch (const Error& error) {
      fmt::print("FAILED {}: {}\n", step.id, error.what());
      ++failed;
      if (error.code() == ErrorCode::driver) throw;
      return;
    }
    step.passed = true;
    if (leaders.empty())
      for (const Tactic& tactic : bout.leaders()) step.leaders.push_back(to_string(tactic));
    progress.append(step);
    print(*step.bench);
  };

  const Activation searched = activations.front();
  if (const Step* before = progress.find(id(searched), digest); !before || !before->bench) {
    Bout bout(row, searched, machine, allowance);
    attempt(searched, bout, {});
  }
  std::vector<Tactic> leaders;
  if (const Step* step = progress.find(id(searched), digest))
    for (const std::string& text : step->leaders) leaders.push_back(parse_tactic(text));
  // All compiles start now: they go on while cuBLASLt's candidates are timed.
  std::vector<std::pair<Activation, std::unique_ptr<Bout>>> others;
  for (const Activation activation : activations) {
    const Step* before = progress.find(id(activation), digest);
    if (activation == searched || (before && before->bench)) continue;
    others.emplace_back(activation, std::make_unique<Bout>(row, activation, machine, allowance));
    others.back().second->prefetch(leaders);
  }
  for (auto& [activation, bout] : others) {
    attempt(activation, *bout, leaders);
    bout.reset();
  }
  return failed;
}

}  // namespace

int bench(const Settings& settings) {
  ProgressFile progress(settings.progress, settings.resume);
  progress.ran_on(this_machine());
  std::vector<SuiteRow> rows;
  for (const std::string& path : settings.suites)
    for (const SuiteRow& row : read_suite(path)) rows.push_back(row);
  const std::vector<Activation> all = parse_activations(settings.activations);
  if (all.empty()) throw Error(ErrorCode::invalid_argument, "no activations");
  const std::string digest = all_digests();
  const ak::Settings library = resolve({});
  const auto machine = make_gpu_machine(gpu_options(library));
  Allowance allowance = allowance_of(library, *machine);
  allowance.seconds = settings.budget_s;
  const auto start = Clock::now();
  int failed = 0, left = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!row_wanted(settings.rows, i, rows[i].kind)) continue;
    if (seconds_since(start) > settings.seconds) {
      ++left;
      continue;
    }
    try {
      failed += bench_row(rows[i], rows[i].activation ? std::vector{*rows[i].activation} : all, *machine, allowance, progress,
                          digest);
    } catch (const Error& error) {
      fmt::print("ended by {}; run again with --resume\n", error.what());
      return 1;
    }
  }
  fmt::print("benchmark: {:.0f} s, {} rows failed{}\n", seconds_since(start), failed,
             left ? fmt::format(", {} problems not begun: run again with --resume", left) : "");
  return failed || left ? 1 : 0;
}

}  // namespace ak::proof
