#include "runner/trials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/log.hpp"
#include "families/family.hpp"
#include "jit/compile_pool.hpp"
#include "jit/source.hpp"
#include "plan/kernel_plan.hpp"
#include "proof/panel.hpp"

namespace ak {
namespace {

constexpr double kWholePatience = 1;  // seconds

}  // namespace

struct Trials::Impl {
  struct Candidate {
    std::optional<Source> source;
    std::optional<std::string> quarantined;  // why
    std::shared_ptr<const Compiled> compiled;
    PlanPtr plan;
    bool quick = false, full = false;  // proven
    bool whole = false;                // and over all rows, where those proofs are of a panel
  };

  Impl(const Problem& problem, Resources& resources, Options options)
      : problem(problem),
        allowance(options.allowance),
        panel(options.panel ? *options.panel : search_panel(problem, allowance.operands())),
        resources(resources),
        source(std::move(options.source)),
        pool(resources.facts().arch(), allowance),
        elsewhere(std::move(options.prover)),
        quarantine(options.quarantine),
        reviewed(options.reviewed) {}

  const DeviceFacts& facts() const { return resources.facts(); }

  void start() {
    if (bed) return;
    bed.emplace(panel, problem, resources, allowance);
    local.emplace(*bed);
  }

  PairedTimer& timer() {
    if (!timing) timing.emplace(*bed);
    return *timing;
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
      Lane& lane = bed->lane;
      if (!lane.fault().empty()) throw Failed{Outcome::runtime, "the GPU context was lost before: " + lane.fault()};
      if (busy && !lane.drain(1)) throw Failed{Outcome::timeout, "an earlier kernel is still running"};
      busy = false;
      body(trial);
      trial.outcome = Outcome::correct;
    } catch (const Failed& failed) {
      busy = failed.outcome == Outcome::timeout;
      if (failed.harms) shut_away(tactic, failed.why);
      trial.outcome = failed.outcome, trial.why = failed.why;
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

  // Of the panel, for the whole problem.
  double whole_us(double us) const { return us * static_cast<double>(problem.m) / static_cast<double>(panel.m); }

  std::optional<std::string> refusal(const Problem& of, const Tactic& tactic) const {
    const Family& own = family(tactic.family);
    auto why = own.refuses(of, facts());
    return why ? why : own.rejects(of, tactic, facts());
  }
  // It is launched both by itself and from a graph, which keeps its own.
  std::optional<std::string> lacks_scratch(const Tactic& tactic) const {
    const std::int64_t takes = family(tactic.family).geometry(panel, tactic, facts()).workspace_bytes;
    if (takes <= allowance.scratch() / 2) return std::nullopt;
    return fmt::format("takes {} bytes of scratch memory of {} that a launch may", takes, allowance.scratch() / 2);
  }
  std::optional<std::string> refusal(const Tactic& tactic) const {
    auto why = refusal(problem, tactic);
    if (!why && panel != problem) why = refusal(panel, tactic);
    return why ? why : lacks_scratch(tactic);
  }

  // A fault in this process is not among what is known: it may be the application's own.
  void shut_away(const Tactic& tactic, const std::string& why) {
    const auto it = candidates.find(tactic);
    if (it == candidates.end() || !it->second.source || it->second.quarantined) return;
    it->second.quarantined = why;
    log(LogLevel::warn, "{}: {} is never launched again: {}", to_string(problem), to_string(tactic), why);
    if (quarantine) quarantine->add(it->second.source->digest, why);
  }

  // Its text, and what is known against it.
  Candidate& known(const Tactic& tactic) {
    Candidate& candidate = candidates[tactic];
    if (!candidate.source) {
      candidate.source.emplace(source ? source(tactic) : make_source(family(tactic.family).sources(), problem, tactic));
      if (quarantine) candidate.quarantined = quarantine->why(candidate.source->digest);
    }
    return candidate;
  }

  // Compiled, gated and loaded; proven for the effort.
  const Candidate& prepare(const Tactic& tactic, Deadline deadline, Trial& trial) {
    if (is_vendor(tactic)) {
      Candidate& candidate = candidates[tactic];
      if (!candidate.plan) candidate.plan = timer().survey(deadline).plan(tactic);
      if (!candidate.plan) throw Failed{Outcome::constraints, "cuBLASLt offers no such algorithm"};
      return candidate;
    }
    if (const auto why = refusal(tactic)) throw Failed{Outcome::constraints, *why};
    Candidate& candidate = known(tactic);
    if (candidate.quarantined) throw Failed{Outcome::constraints, "in quarantine: " + *candidate.quarantined};
    if (!candidate.compiled) candidate.compiled = pool.get(*candidate.source, deadline);
    if (!candidate.compiled) throw Failed{Outcome::timeout, "not compiled in time"};
    const Compiled& compiled = *candidate.compiled;
    trial.registers = compiled.registers, trial.spill_bytes = compiled.spill_bytes, trial.compile_s = compiled.seconds;
    if (!compiled.failure.empty()) throw Failed{Outcome::compile, compiled.failure};
    if (compiled.spill_bytes > 0) throw Failed{Outcome::spills, fmt::format("spills {} bytes", compiled.spill_bytes)};
    if (compiled.gated) throw Failed{Outcome::compile, "the assembler serialised wgmma or ignored setmaxnreg"};
    if (!candidate.plan) candidate.plan = load(resources, panel, {tactic, compiled.cubin}, &bed->scratch);
    const auto& kernel = static_cast<const KernelPlan&>(*candidate.plan);
    trial.smem_bytes =
        static_cast<int>(kernel.geometry().smem_bytes) + attribute(kernel.function(), CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
    return candidate;
  }

  // What `there` says of the other prover; where it is not to be had, what `here` says.
  template <class There, class Here>
  Proven asked(There&& there, Here&& here) {
    try {
      if (elsewhere) return there(*elsewhere);
    } catch (const Unavailable& absent) {
      if (!reviewed)
        throw Failed{Outcome::constraints,
                     fmt::format("sources of AK_KERNEL_DIR are launched in a worker only, or with AK_ISOLATION=in_process: {}",
                                 absent.why)};
      warn_once(fmt::format("new kernels are launched in this process first: {}", absent.why));
      elsewhere.reset();
    }
    return here();
  }

  Proven prove_step(const Candidate& candidate, const Tactic& tactic, Effort effort, Deadline deadline) {
    if (timing) local->alternate_with(timing->anchor());
    if (is_vendor(tactic)) return local->prove(*candidate.plan, nullptr, effort, deadline);
    const Kernel kernel{tactic, candidate.compiled->cubin};
    return asked([&](Prover& prover) { return prover.prove(kernel, effort, deadline); },
                 [&] { return local->prove(*candidate.plan, &kernel, effort, deadline); });
  }

  void prove(const Tactic& tactic, Effort effort, Deadline deadline) {
    Candidate& candidate = candidates.at(tactic);
    for (const Effort step : {Effort::quick, Effort::full}) {
      bool& done = step == Effort::quick ? candidate.quick : candidate.full;
      if (done || step > effort) continue;
      worst = std::max(worst, prove_step(candidate, tactic, step, deadline).error);
      done = true;
    }
  }

  // Last, and with time of its own: a launch over all rows may take longer than all of the panel's.
  void prove_whole(const Tactic& tactic, Deadline deadline) {
    Candidate& candidate = candidates.at(tactic);
    if (panel == problem || is_vendor(tactic) || candidate.whole) return;
    const Kernel kernel{tactic, candidate.compiled->cubin};
    const Deadline patient = Deadline::in(std::max(kWholePatience, deadline.remaining()));
    const Proven proven = asked([&](Prover& prover) { return prover.prove_whole(kernel, patient); },
                                [&] { return local->prove_whole(kernel, patient); });
    worst = std::max(worst, proven.error);
    candidate.whole = proven.whole;
  }

  const Problem problem;
  const Allowance allowance;
  const Problem panel;
  Resources& resources;
  const std::function<std::string(const Tactic&)> source;
  CompilePool pool;
  std::unique_ptr<Prover> elsewhere;
  Quarantine* const quarantine;
  const bool reviewed;
  // Everything below lives on the GPU; destroyed last to first.
  std::optional<Testbed> bed;
  std::optional<LocalProver> local;
  std::optional<PairedTimer> timing;
  std::unordered_map<Tactic, Candidate, TacticHash> candidates;
  double worst = 0;
  bool busy = false;  // a wait timed out and the stream may still be running
};

Trials::Trials(const Problem& problem, Resources& resources, Options options)
    : impl_(std::make_unique<Impl>(problem, resources, std::move(options))) {}

Trials::~Trials() {
  if (impl_->bed)
    log(LogLevel::info, "{}: its trials took {} bytes of device memory at their peak", to_string(impl_->problem),
        impl_->bed->lane.memory().peak() + impl_->bed->scratch.held_bytes());
}

void Trials::prefetch(std::span<const Tactic> tactics) {
  for (const Tactic& tactic : tactics) {
    if (is_vendor(tactic) || impl_->refusal(tactic)) continue;
    try {
      const Impl::Candidate& candidate = impl_->known(tactic);
      if (!candidate.quarantined) impl_->pool.want(*candidate.source);
    } catch (const Error&) {  // no source: run() says why
    }
  }
}

void Trials::drop_prefetched() { impl_->pool.drop_waiting(); }

bool Trials::ready(const Tactic& tactic) {
  if (is_vendor(tactic)) return true;
  const auto it = impl_->candidates.find(tactic);
  if (it != impl_->candidates.end() && it->second.source)
    return it->second.quarantined || impl_->pool.ready(it->second.source->digest);
  return impl_->refusal(tactic).has_value();
}

Trial Trials::run(const Tactic& tactic, Effort effort, Deadline deadline) {
  return impl_->guarded(tactic, [&](Trial& trial) {
    PairedTimer& timer = impl_->timer();
    const Impl::Candidate& candidate = impl_->prepare(tactic, deadline, trial);
    impl_->prove(tactic, effort, deadline);
    if (effort == Effort::quick) {
      timer.time_quick(*candidate.plan, trial, deadline);
    } else {
      timer.time_full(*candidate.plan, impl_->local->verifier(), trial, deadline);
      impl_->prove_whole(tactic, deadline);
    }
    trial.us = impl_->whole_us(trial.us);
  });
}

Trial Trials::verify(const Tactic& tactic, Effort effort, Deadline deadline, double* error) {
  impl_->worst = 0;
  Trial trial = impl_->guarded(tactic, [&](Trial& t) {
    impl_->prepare(tactic, deadline, t);
    impl_->prove(tactic, effort, deadline);
    if (effort == Effort::full) impl_->prove_whole(tactic, deadline);
  });
  if (error) *error = impl_->worst;
  return trial;
}

std::vector<Trial> Trials::finals(std::span<const Tactic> tactics, Deadline deadline) {
  std::vector<Trial> trials;
  // Those that no longer run drop out; the others are timed together.
  for (const Tactic& tactic : tactics)
    trials.push_back(impl_->guarded(tactic, [&](Trial& trial) { impl_->prepare(tactic, deadline, trial); }));
  std::vector<const Plan*> plans;
  std::vector<Trial*> timed;
  for (Trial& trial : trials)
    if (trial.correct()) plans.push_back(impl_->candidates.at(trial.tactic).plan.get()), timed.push_back(&trial);
  if (plans.empty()) return trials;
  const Trial window = impl_->guarded(tactics.front(), [&](Trial&) { impl_->timer().time_finals(plans, timed, deadline); });
  if (!window.correct())
    for (Trial* trial : timed) trial->outcome = window.outcome, trial->why = window.why;
  for (Trial* trial : timed) trial->us = impl_->whole_us(trial->us);
  return trials;
}

std::vector<Tactic> Trials::vendor_tactics(Deadline deadline) {
  std::vector<Tactic> tactics;
  Tactic vendor;
  vendor.family = FamilyId::vendor;
  const Trial trial = impl_->guarded(vendor, [&](Trial&) { tactics = impl_->timer().survey(deadline).leaders(); });
  if (!trial.correct()) warn_once("cuBLASLt's candidates could not be timed: " + trial.why);
  return tactics;
}

Artifact Trials::artifact(const Tactic& tactic) {
  const auto it = impl_->candidates.find(tactic);
  if (it == impl_->candidates.end() || !it->second.plan)
    throw Error(ErrorCode::internal, fmt::format("'{}' has not run correctly", to_string(tactic)));
  if (is_vendor(tactic)) return {{}, static_cast<const VendorPlan&>(*it->second.plan).blob()};
  return {it->second.compiled->cubin, {}};
}

std::string Trials::extent(const Tactic& tactic) const {
  const std::int64_t rows = impl_->panel.m, all = impl_->problem.m;
  if (rows == all) return {};
  const auto it = impl_->candidates.find(tactic);
  const bool whole = it != impl_->candidates.end() && it->second.whole;
  return fmt::format("on panels of {} of {} rows{}", rows, all,
                     is_vendor(tactic) ? ""
                     : whole           ? ", and launched whole"
                                       : ", never launched whole");
}

VendorTimes Trials::vendor() {
  VendorTimes times = impl_->timing ? impl_->timing->vendor() : VendorTimes{};
  for (double* us : {&times.best_us, &times.first_us, &times.gemm_us, &times.fused_us, &times.separate_us})
    *us = impl_->whole_us(*us);
  return times;
}

int Trials::compiles() const { return impl_->pool.compiles(); }
std::string Trials::fault() const { return impl_->bed ? impl_->bed->lane.fault() : std::string(); }
double Trials::anchor_drift() { return impl_->timing ? impl_->timing->drift() : 0; }

PlanPtr Trials::plan(const Tactic& tactic) {
  const auto it = impl_->candidates.find(tactic);
  return it == impl_->candidates.end() ? nullptr : it->second.plan;
}

VendorArms Trials::vendor_arms() {
  VendorArms arms;
  Tactic vendor;
  vendor.family = FamilyId::vendor;
  impl_->guarded(vendor, [&](Trial&) { arms = impl_->timer().survey(Deadline::in(5)).arms(); });
  return arms;
}

Medians Trials::time(std::span<const Plan* const> plans, int rounds, double graph_us, Deadline deadline) {
  Medians medians;
  const Trial trial =
      impl_->guarded(Tactic{}, [&](Trial&) { medians = impl_->timer().time(plans, rounds, graph_us, deadline); });
  if (!trial.correct()) throw Error(ErrorCode::driver, trial.why);
  for (double& us : medians.us) us = impl_->whole_us(us);
  return medians;
}

}  // namespace ak
