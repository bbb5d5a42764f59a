#include "runner/local.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "base/log.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"
#include "plan/kernel_plan.hpp"
#include "runner/plan_arm.hpp"
#include "timing/drift.hpp"

namespace ak {
namespace {

constexpr double kQuickGraphUs = 400, kFullGraphUs = 1500;
constexpr int kQuickRounds = 3, kFullRounds = 9, kFinalRounds = 21;
constexpr double kHopeless = 3;  // a candidate this many times slower than the vendor is not timed with care
constexpr std::int64_t kKeptCaseBytes = std::int64_t{2} << 30;

struct Stop {  // ends a trial early
  Outcome outcome;
  std::string why;
};

}  // namespace

struct LocalRunner::Impl {
  struct Candidate {
    std::shared_ptr<const Compiled> compiled;
    PlanPtr plan;
    bool quick = false, full = false;  // proven
  };

  Impl(const Problem& problem, Resources& resources, Options options)
      : problem(problem),
        resources(resources),
        probe(resources),
        pool(resources.facts().arch(), options.source ? options.source : CompilePool::SourceOf([problem](const Tactic& t) {
               return make_source(family(t.family).sources(), problem, t);
             }),
             options.threads) {}

  const DeviceFacts& facts() const { return resources.facts(); }

  void start() {
    if (lane) return;
    lane.emplace();
    verifier.emplace(*lane, probe);
  }

  RotatingSets& rotating() {
    if (!sets) {
      sets.emplace(*lane, probe, problem, facts());
      stopwatch.emplace(*lane, resources.support_kernel("ak_clocks"), facts().sm_count, rotation_of(*sets));
    }
    return *sets;
  }

  // Runs `body` with what it may throw turned into the trial's outcome.
  template <class Body>
  Trial guarded(const Tactic& tactic, Body&& body) {
    Trial trial;
    trial.tactic = tactic;
    trial.outcome = Outcome::runtime;
    const ContextScope scope(resources.context());
    const RelaxedCapture relaxed;
    try {
      start();
      if (!lane->fault().empty()) throw Stop{Outcome::runtime, "the GPU context was lost before: " + lane->fault()};
      if (busy && !lane->drain(1)) throw Stop{Outcome::timeout, "an earlier kernel is still running"};
      busy = false;
      body(trial);
      peak = std::max(peak, held_bytes());
      trial.outcome = Outcome::correct;
    } catch (const Stop& stop) {
      trial.outcome = stop.outcome, trial.why = stop.why;
    } catch (const TimedOut&) {
      busy = true;
      trial.outcome = Outcome::timeout, trial.why = "did not end in time";
    } catch (const Error& error) {
      // A lack of memory passes, as a lack of time does: it says nothing of the kernel.
      if (error.code() == ErrorCode::out_of_memory) trial.outcome = Outcome::timeout;
      trial.why = error.what();
    }
    if (!trial.correct()) trial.us = trial.ratio = 0;
    return trial;
  }

  // --- plans ---------------------------------------------------------------------------------------------------------
  Candidate& prepare(const Tactic& tactic, Deadline deadline, Trial& trial) {
    if (is_vendor(tactic)) {
      Candidate& candidate = candidates[tactic];
      if (!candidate.plan) candidate.plan = vendor_survey(deadline).plan(tactic);
      if (!candidate.plan) throw Stop{Outcome::constraints, "cuBLASLt offers no such algorithm"};
      return candidate;
    }
    const Family& own = family(tactic.family);
    if (const auto why = own.refuses(problem, facts())) throw Stop{Outcome::constraints, *why};
    if (const auto why = own.rejects(problem, tactic, facts())) throw Stop{Outcome::constraints, *why};
    Candidate& candidate = candidates[tactic];
    if (!candidate.compiled) candidate.compiled = pool.get(tactic, deadline);
    if (!candidate.compiled) throw Stop{Outcome::timeout, "not compiled in time"};
    const Compiled& compiled = *candidate.compiled;
    trial.registers = compiled.registers, trial.spill_bytes = compiled.spill_bytes, trial.compile_s = compiled.seconds;
    if (!compiled.failure.empty()) throw Stop{Outcome::compile, compiled.failure};
    if (compiled.spill_bytes > 0) throw Stop{Outcome::spills, fmt::format("spills {} bytes", compiled.spill_bytes)};
    if (compiled.gated) throw Stop{Outcome::compile, "the assembler serialised wgmma or ignored setmaxnreg"};
    if (!candidate.plan) candidate.plan = load(tactic, compiled, problem);
    const auto& kernel = static_cast<const KernelPlan&>(*candidate.plan);
    trial.smem_bytes =
        static_cast<int>(kernel.geometry().smem_bytes) + attribute(kernel.function(), CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
    return candidate;
  }

  PlanPtr load(const Tactic& tactic, const Compiled& compiled, const Problem& p) {
    return std::make_shared<KernelPlan>(resources, compiled.cubin.data(), p, tactic,
                                        family(tactic.family).geometry(p, tactic, facts()));
  }

  // --- proof ---------------------------------------------------------------------------------------------------------
  void hold(const Verdict& verdict) {
    worst = std::max(worst, verdict.error);
    if (!verdict.right) throw Stop{Outcome::incorrect, verdict.why};
  }

  void prove_quick(Candidate& candidate, Deadline deadline) {
    if (candidate.quick) return;
    if (!quick_case) quick_case = std::make_unique<Case>(*lane, probe, problem, Data::normal, Spacing::gapped, 1);
    const Run run{candidate.plan.get(), quick_case.get()};
    hold(verifier->check({&run, 1}, deadline));
    candidate.quick = true;
  }

  void prove_full(const Tactic& tactic, Candidate& candidate, Deadline deadline) {
    prove_quick(candidate, deadline);
    if (candidate.full) return;
    const std::tuple<Data, Spacing, std::uint64_t> seeds[] = {
        {Data::integers, Spacing::gapped, 2}, {Data::wide, Spacing::tight, 3}, {Data::normal, Spacing::tight, 4}};
    for (std::size_t i = 0; i < std::size(seeds); ++i) {
      auto& kept = seed_cases[i];
      if (!kept) kept = std::apply([&](auto... x) { return std::make_unique<Case>(*lane, probe, problem, x...); }, seeds[i]);
      const Run run{candidate.plan.get(), kept.get()};
      hold(verifier->check({&run, 1}, deadline));
      peak = std::max(peak, held_bytes());
      if (kept->bytes() > std::min(kKeptCaseBytes, device_memory().free / 2) / 4) kept.reset();
    }
    const Plan* other = survey && survey->anchor() ? survey->anchor().get() : nullptr;
    hold(verifier->repeat(*candidate.plan, *quick_case, 3, other, quick_case.get(), deadline));
    if (!is_vendor(tactic)) prove_edges(tactic, candidate, deadline);
    candidate.full = true;
  }

  void prove_edges(const Tactic& tactic, const Candidate& candidate, Deadline deadline) {
    std::vector<PlanPtr> plans;
    std::vector<Run> runs;
    for (Problem p : edge_problems(problem, tactic)) {
      if (refused(p, tactic)) p.m = std::min(p.m, problem.m), p.n = problem.n < p.n ? problem.n : p.n;
      if (refused(p, tactic)) continue;
      // The first is where the activation has its corners.
      const Data data = plans.empty() ? Data::branches : Data::normal;
      auto& on = edge_cases[{p.m, p.n, p.k, data}];
      if (!on) on = std::make_unique<Case>(*lane, probe, p, data, data == Data::branches ? Spacing::tight : Spacing::gapped, 5);
      plans.push_back(load(tactic, *candidate.compiled, p));
      runs.push_back({plans.back().get(), on.get()});
    }
    if (!runs.empty()) hold(verifier->check(runs, deadline));
  }

  bool refused(const Problem& p, const Tactic& tactic) const {
    const Family& own = family(tactic.family);
    return own.refuses(p, facts()) || own.rejects(p, tactic, facts());
  }

  // --- time ----------------------------------------------------------------------------------------------------------
  VendorSurvey& vendor_survey(Deadline deadline) {
    if (!survey) {
      rotating();
      survey.emplace(problem, resources, *stopwatch, *sets);
      survey->run(deadline);
    }
    return *survey;
  }

  PlanArm arm_of(const Plan& plan, double graph_us, double estimate_us, Deadline deadline) {
    return {stopwatch->arm(launch_of(plan, *sets), graph_us, estimate_us, deadline), &plan};
  }

  const PlanArm* anchor_arm(double graph_us, Deadline deadline) {
    const PlanPtr anchor = vendor_survey(deadline).anchor();
    if (!anchor) return nullptr;
    auto& arm = graph_us > kQuickGraphUs ? long_anchor : short_anchor;
    if (arm.plan != anchor.get()) arm = arm_of(*anchor, graph_us, survey->anchor_us(), deadline);
    return &arm;
  }

  // The vendor's fastest of a window, which its ratios are against; baseline and drift follow it.
  std::optional<std::size_t> follow_vendor(std::span<const PlanArm> arms, const Window& window) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < arms.size(); ++i)
      if (is_vendor(arms[i].plan->tactic()) && (!best || window.median(i) < window.median(*best))) best = i;
    if (!best) return best;
    survey->refine(window.median(*best));
    for (std::size_t i = 0; i < arms.size(); ++i)
      if (arms[i].plan == survey->anchor().get()) drift.note(window.median(i), window.clock_mhz);
    return best;
  }

  void measure_quick(const Candidate& candidate, Trial& trial, Deadline deadline) {
    const PlanArm* anchor = anchor_arm(kQuickGraphUs, deadline);
    const double vendor_us = anchor ? survey->anchor_us() : 0;
    const double estimate = stopwatch->estimate(launch_of(*candidate.plan, *sets), 1, deadline);
    if (vendor_us > 0 && estimate > kHopeless * (vendor_us + 6)) {
      trial.us = estimate, trial.ratio = vendor_us / estimate;
      return;
    }
    const PlanArm arm = arm_of(*candidate.plan, kQuickGraphUs, estimate, deadline);
    const Arm* arms[] = {&arm, anchor};
    const Window window = stopwatch->window({arms, anchor ? 2u : 1u}, kQuickRounds, deadline);
    trial.us = window.median(0);
    clock_mhz = window.clock_mhz;
    if (!anchor) return;
    trial.ratio = window.ratio(0, 1);
    drift.note(window.median(1), window.clock_mhz);
  }

  void measure_full(const Tactic& tactic, const Candidate& candidate, Trial& trial, Deadline deadline) {
    rotating();
    const PlanArm* anchor = anchor_arm(kFullGraphUs, deadline);
    if (!loop_case) {
      loop_case = std::make_unique<Case>(*lane, probe, problem, sets->layout(), sets->base(0), sets->args(0));
      verifier->trust(*loop_case, deadline);
    }
    const PlanArm arm = arm_of(*candidate.plan, kFullGraphUs, 0, deadline);
    std::vector<const Arm*> arms;
    if (anchor) arms.push_back(anchor);
    arms.push_back(&arm);
    const Window window = stopwatch->window(arms, kFullRounds, deadline, [&] {
      for (const Region* region : loop_case->layout.outputs())
        probe.poison(lane->stream(), loop_case->base, *region, Verifier::kPoison);
    });
    hold(verifier->inspect(*loop_case, tactic, Deadline::in(std::max(1.0, deadline.remaining()))));
    trial.us = window.median(arms.size() - 1);
    trial.final_timing = true;
    clock_mhz = window.clock_mhz;
    if (!anchor) return;
    trial.ratio = window.ratio(1, 0);
    drift.note(window.median(0), window.clock_mhz);
  }

  std::int64_t held_bytes() const {
    std::int64_t bytes = sets ? sets->bytes() : 0;
    for (const auto* one : {&quick_case, &loop_case, &seed_cases[0], &seed_cases[1], &seed_cases[2]})
      if (*one) bytes += (*one)->bytes();
    for (const auto& [size, edge] : edge_cases) bytes += edge ? edge->bytes() : 0;
    return bytes;
  }

  const Problem problem;
  Resources& resources;
  const Probe probe;
  CompilePool pool;
  // Everything below lives on the GPU; destroyed last to first.
  std::optional<Lane> lane;
  std::optional<Verifier> verifier;
  std::optional<RotatingSets> sets;
  std::optional<Stopwatch> stopwatch;
  std::optional<VendorSurvey> survey;
  std::unordered_map<Tactic, Candidate, TacticHash> candidates;
  std::unique_ptr<Case> quick_case, loop_case, seed_cases[3];
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, Data>, std::unique_ptr<Case>> edge_cases;
  PlanArm short_anchor, long_anchor;
  Drift drift;  // of the anchor
  double clock_mhz = 0, worst = 0;
  std::int64_t peak = 0;  // of held_bytes
  bool busy = false;      // a wait timed out and the stream may still be running
};

LocalRunner::LocalRunner(const Problem& problem, Resources& resources, Options options)
    : impl_(std::make_unique<Impl>(problem, resources, std::move(options))) {}
LocalRunner::~LocalRunner() {
  if (impl_->peak)
    log(LogLevel::info, "{}: its trials took {} bytes of device memory at their peak", to_string(impl_->problem), impl_->peak);
}

std::optional<std::string> lacks_memory(const Problem& problem) {
  const std::int64_t needed = RotatingSets::least_bytes(problem) + Case::bytes_for(problem, Spacing::gapped);
  const std::int64_t free = device_memory().free;
  if (needed <= free) return std::nullopt;
  return fmt::format("a search takes {} bytes of device memory at least, {} are free now", needed, free);
}

void LocalRunner::prefetch(std::span<const Tactic> tactics) {
  for (const Tactic& tactic : tactics)
    if (!is_vendor(tactic) && !impl_->refused(impl_->problem, tactic)) impl_->pool.want(tactic);
}

void LocalRunner::drop_prefetched() { impl_->pool.drop_waiting(); }

bool LocalRunner::ready(const Tactic& tactic) {
  return is_vendor(tactic) || impl_->refused(impl_->problem, tactic) || impl_->pool.ready(tactic);
}

Trial LocalRunner::run(const Tactic& tactic, Effort effort, Deadline deadline) {
  return impl_->guarded(tactic, [&](Trial& trial) {
    impl_->rotating();
    Impl::Candidate& candidate = impl_->prepare(tactic, deadline, trial);
    if (effort == Effort::quick) {
      impl_->prove_quick(candidate, deadline);
      impl_->measure_quick(candidate, trial, deadline);
    } else {
      impl_->prove_full(tactic, candidate, deadline);
      impl_->measure_full(tactic, candidate, trial, deadline);
    }
  });
}

Trial LocalRunner::verify(const Tactic& tactic, Effort effort, Deadline deadline, double* error) {
  impl_->worst = 0;
  Trial trial = impl_->guarded(tactic, [&](Trial& t) {
    Impl::Candidate& candidate = impl_->prepare(tactic, deadline, t);
    if (effort == Effort::quick)
      impl_->prove_quick(candidate, deadline);
    else
      impl_->prove_full(tactic, candidate, deadline);
  });
  if (error) *error = impl_->worst;
  return trial;
}

std::vector<Trial> LocalRunner::finals(std::span<const Tactic> tactics, Deadline deadline) {
  std::vector<Trial> trials;
  std::vector<PlanArm> arms;
  std::vector<const Arm*> pointers;
  // Those that no longer run drop out; the others are timed together.
  for (const Tactic& tactic : tactics)
    trials.push_back(impl_->guarded(tactic, [&](Trial& trial) {
      impl_->rotating();
      const Impl::Candidate& candidate = impl_->prepare(tactic, deadline, trial);
      arms.push_back(impl_->arm_of(*candidate.plan, kFullGraphUs, 0, deadline));
    }));
  if (arms.empty()) return trials;
  Window window;
  const Trial timed = impl_->guarded(tactics.front(), [&](Trial&) {
    const PlanPtr anchor = impl_->vendor_survey(deadline).anchor();
    bool among = false;
    for (const PlanArm& arm : arms) among |= arm.plan == anchor.get();
    if (anchor && !among) arms.push_back(impl_->arm_of(*anchor, kFullGraphUs, 0, deadline));
    for (const PlanArm& arm : arms) pointers.push_back(&arm);
    window = impl_->stopwatch->window(pointers, kFinalRounds, deadline);
    impl_->clock_mhz = window.clock_mhz;
  });
  const auto best = timed.correct() ? impl_->follow_vendor(arms, window) : std::nullopt;
  std::size_t arm = 0;
  for (Trial& trial : trials) {
    if (!trial.correct()) continue;
    if (!timed.correct()) {
      trial.outcome = timed.outcome, trial.why = timed.why;
      continue;
    }
    trial.us = window.median(arm);
    trial.ratio = best ? window.ratio(arm, *best) : 0;
    trial.final_timing = true;
    ++arm;
  }
  return trials;
}

std::vector<Tactic> LocalRunner::vendor_tactics(Deadline deadline) {
  std::vector<Tactic> tactics;
  Tactic vendor;
  vendor.family = FamilyId::vendor;
  const Trial trial = impl_->guarded(vendor, [&](Trial&) { tactics = impl_->vendor_survey(deadline).leaders(); });
  if (!trial.correct()) warn_once("cuBLASLt's candidates could not be timed: " + trial.why);
  return tactics;
}

Artifact LocalRunner::artifact(const Tactic& tactic) {
  const auto it = impl_->candidates.find(tactic);
  if (it == impl_->candidates.end() || !it->second.plan)
    throw Error(ErrorCode::internal, fmt::format("'{}' has not run correctly", to_string(tactic)));
  if (is_vendor(tactic)) return {{}, static_cast<const VendorPlan&>(*it->second.plan).blob()};
  return {it->second.compiled->cubin, {}};
}

VendorTimes LocalRunner::vendor() { return impl_->survey ? impl_->survey->times() : VendorTimes{}; }
int LocalRunner::compiles() const { return impl_->pool.compiles(); }
std::string LocalRunner::fault() const { return impl_->lane ? impl_->lane->fault() : std::string(); }
double LocalRunner::clock_mhz() const { return impl_->clock_mhz; }

double LocalRunner::anchor_drift() { return impl_->drift.value(); }

PlanPtr LocalRunner::plan(const Tactic& tactic) {
  const auto it = impl_->candidates.find(tactic);
  return it == impl_->candidates.end() ? nullptr : it->second.plan;
}

VendorArms LocalRunner::vendor_arms() {
  vendor_tactics(Deadline::in(5));
  return impl_->survey ? impl_->survey->arms() : VendorArms{};
}

LocalRunner::Timing LocalRunner::time(std::span<const Plan* const> plans, int rounds, double graph_us, Deadline deadline) {
  Timing timing;
  const Trial trial = impl_->guarded(Tactic{}, [&](Trial&) {
    impl_->rotating();
    std::vector<PlanArm> arms;
    std::vector<const Arm*> pointers;
    for (const Plan* plan : plans) arms.push_back(impl_->arm_of(*plan, graph_us, 0, deadline));
    for (const PlanArm& arm : arms) pointers.push_back(&arm);
    const Window window = impl_->stopwatch->window(pointers, rounds, deadline);
    for (std::size_t i = 0; i < arms.size(); ++i) timing.us.push_back(window.median(i));
    timing.clock_mhz = window.clock_mhz;
  });
  if (!trial.correct()) throw Error(ErrorCode::driver, trial.why);
  return timing;
}

}  // namespace ak
