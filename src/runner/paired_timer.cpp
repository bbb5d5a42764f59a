#include "runner/paired_timer.hpp"

#include <algorithm>

#include "proof/prover.hpp"

namespace ak {
namespace {

constexpr double kQuickGraphUs = 400, kFullGraphUs = 1500;
constexpr int kQuickRounds = 3, kFullRounds = 9, kFinalRounds = 21;
constexpr double kHopeless = 3;  // a candidate this many times slower than the vendor is not timed with care

}  // namespace

PairedTimer::PairedTimer(Testbed& bed)
    : bed_(bed),
      sets_(bed.lane, bed.probe, bed.problem, bed.resources.facts()),
      stopwatch_(bed.lane, bed.resources.support_kernel("ak_clocks"), bed.resources.facts().sm_count, rotation_of(sets_)) {}

VendorSurvey& PairedTimer::survey(Deadline deadline) {
  if (!survey_) {
    survey_.emplace(bed_, stopwatch_, sets_);
    survey_->run(deadline);
  }
  return *survey_;
}

PlanArm PairedTimer::arm_of(const Plan& plan, double graph_us, double estimate_us, Deadline deadline) {
  return {stopwatch_.arm(launch_of(plan, sets_), graph_us, estimate_us, deadline), &plan};
}

const PlanArm* PairedTimer::anchor_arm(double graph_us, Deadline deadline) {
  const PlanPtr anchor = survey(deadline).anchor();
  if (!anchor) return nullptr;
  auto& arm = graph_us > kQuickGraphUs ? long_anchor_ : short_anchor_;
  if (arm.plan != anchor.get()) arm = arm_of(*anchor, graph_us, survey_->anchor_us(), deadline);
  return &arm;
}

// The vendor's fastest of a window, which its ratios are against; baseline and drift follow it.
std::optional<std::size_t> PairedTimer::follow_vendor(std::span<const PlanArm> arms, const Window& window) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < arms.size(); ++i)
    if (is_vendor(arms[i].plan->tactic()) && (!best || window.median(i) < window.median(*best))) best = i;
  if (!best) return best;
  survey_->refine(window.median(*best));
  for (std::size_t i = 0; i < arms.size(); ++i)
    if (arms[i].plan == survey_->anchor().get()) drift_.note(window.median(i), window.clock_mhz);
  return best;
}

void PairedTimer::time_quick(const Plan& plan, Trial& trial, Deadline deadline) {
  const PlanArm* anchor = anchor_arm(kQuickGraphUs, deadline);
  const double vendor_us = anchor ? survey_->anchor_us() : 0;
  const double estimate = stopwatch_.estimate(launch_of(plan, sets_), 1, deadline);
  if (vendor_us > 0 && estimate > kHopeless * (vendor_us + 6)) {
    trial.us = estimate, trial.ratio = vendor_us / estimate;
    return;
  }
  const PlanArm arm = arm_of(plan, kQuickGraphUs, estimate, deadline);
  const Arm* arms[] = {&arm, anchor};
  const Window window = stopwatch_.window({arms, anchor ? 2u : 1u}, kQuickRounds, deadline);
  trial.us = window.median(0);
  if (!anchor) return;
  trial.ratio = window.ratio(0, 1);
  drift_.note(window.median(1), window.clock_mhz);
}

void PairedTimer::time_full(const Plan& plan, Verifier& verifier, Trial& trial, Deadline deadline) {
  const PlanArm* anchor = anchor_arm(kFullGraphUs, deadline);
  if (!loop_case_) {
    loop_case_ = std::make_unique<Case>(bed_.lane, bed_.probe, bed_.problem, sets_.layout(), sets_.base(0), sets_.args(0));
    verifier.trust(*loop_case_, deadline);
  }
  const PlanArm arm = arm_of(plan, kFullGraphUs, 0, deadline);
  std::vector<const Arm*> arms;
  if (anchor) arms.push_back(anchor);
  arms.push_back(&arm);
  const Window window = stopwatch_.window(arms, kFullRounds, deadline, [&] {
    for (const Region* region : loop_case_->layout.outputs())
      bed_.probe.poison(bed_.lane.stream(), loop_case_->base, *region, Verifier::kPoison);
  });
  const Verdict verdict = verifier.inspect(*loop_case_, plan.tactic(), Deadline::in(std::max(1.0, deadline.remaining())));
  if (verdict.strays) loop_case_.reset();  // the next one's reference is of what the inputs are then
  if (!verdict.right) throw Failed{Outcome::incorrect, verdict.why, verdict.strays};
  trial.us = window.median(arms.size() - 1);
  trial.final_timing = true;
  if (!anchor) return;
  trial.ratio = window.ratio(1, 0);
  drift_.note(window.median(0), window.clock_mhz);
}

void PairedTimer::time_finals(std::span<const Plan* const> plans, std::span<Trial* const> trials, Deadline deadline) {
  std::vector<PlanArm> arms;
  for (const Plan* plan : plans) arms.push_back(arm_of(*plan, kFullGraphUs, 0, deadline));
  const PlanPtr anchor = survey(deadline).anchor();
  if (anchor && std::ranges::find(plans, anchor.get()) == plans.end())
    arms.push_back(arm_of(*anchor, kFullGraphUs, 0, deadline));
  const Window window = stopwatch_.window(pointers_to(arms), kFinalRounds, deadline);
  const auto best = follow_vendor(arms, window);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    trials[i]->us = window.median(i);
    trials[i]->ratio = best ? window.ratio(i, *best) : 0;
    trials[i]->final_timing = true;
  }
}

Medians PairedTimer::time(std::span<const Plan* const> plans, int rounds, double graph_us, Deadline deadline) {
  std::vector<PlanArm> arms;
  for (const Plan* plan : plans) arms.push_back(arm_of(*plan, graph_us, 0, deadline));
  const Window window = stopwatch_.window(pointers_to(arms), rounds, deadline);
  Medians medians;
  medians.clock_mhz = window.clock_mhz;
  for (std::size_t i = 0; i < plans.size(); ++i) medians.us.push_back(window.median(i));
  return medians;
}

}  // namespace ak
