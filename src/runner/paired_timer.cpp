#include "runner/paired_timer.hpp"

#include <algorithm>

#include "plan/kernel_plan.hpp"

namespace ak {
namespace {

constexpr double kQuickGraphUs = 400, kFullGraphUs = 1500;
constexpr int kQuickRounds = 3, kFullRounds = 9, kFinalRounds = 21;
constexpr double kHopeless = 3;  // a candidate this many times slower than the vendor is not timed with care

}  // namespace

PairedTimer::Loop::Loop(Testbed& bed, GpuFor gpu)
    : sets(bed.queue, bed.probe, bed.problem, bed.resources.facts()),
      stopwatch(bed.queue, bed.resources.support_kernel("ak_clocks"), bed.resources.facts().sm_count, rotation_of(sets),
                gpu) {}

PairedTimer::Loop& PairedTimer::loop() {
  if (!loop_) loop_.emplace(bed_, gpu_);
  return *loop_;
}

VendorSurvey& PairedTimer::survey(Deadline deadline) {
  if (!survey_) {
    Loop& over = loop();
    survey_.emplace(bed_, over.stopwatch, over.sets);
    survey_->run(deadline);
    bed_.anchor = survey_->anchor();
  }
  return *survey_;
}

double PairedTimer::whole_us(double us) const {
  return us * static_cast<double>(bed_.whole.m) / static_cast<double>(bed_.problem.m);
}

std::vector<Tactic> PairedTimer::vendor_tactics(Deadline deadline) {
  const Testbed::Entered entered(bed_);
  return survey(deadline).leaders();
}

VendorArms PairedTimer::arms(Deadline deadline) {
  const Testbed::Entered entered(bed_);
  return survey(deadline).arms();
}

VendorTimes PairedTimer::vendor() const {
  VendorTimes times = survey_ ? survey_->times() : VendorTimes{};
  for (double* us : {&times.best_us, &times.first_us, &times.gemm_us, &times.fused_us, &times.separate_us}) *us = whole_us(*us);
  return times;
}

std::string PairedTimer::vendor_algo(const Tactic& tactic) const {
  const PlanPtr plan = bed_.kept(tactic);
  return plan ? static_cast<const VendorPlan&>(*plan).blob() : std::string();
}

void PairedTimer::load(const Kernel& kernel, Trial& trial, Deadline deadline) {
  const Testbed::Entered entered(bed_);
  if (is_vendor(kernel.tactic)) {
    if (!bed_.kept(kernel.tactic))
      if (PlanPtr plan = survey(deadline).plan(kernel.tactic)) bed_.keep(std::move(plan));
    bed_.plan(kernel);
    return;
  }
  const PlanPtr plan = bed_.plan(kernel);
  const auto& own = static_cast<const KernelPlan&>(*plan);
  trial.smem_bytes =
      static_cast<int>(own.geometry().smem_bytes) + attribute(own.function(), CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
}

void PairedTimer::time(const Kernel& kernel, Effort effort, Trial& trial, Deadline deadline) {
  const Testbed::Entered entered(bed_);
  const PlanPtr plan = bed_.plan(kernel);
  effort == Effort::quick ? time_quick(*plan, trial, deadline) : time_full(*plan, trial, deadline);
  trial.us = whole_us(trial.us);
}

PlanArm PairedTimer::arm_of(const LaunchPlan& plan, double graph_us, double estimate_us, Deadline deadline) {
  return {loop().stopwatch.arm(launch_of(plan, loop().sets), graph_us, estimate_us, deadline), &plan};
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
    if (is_vendor(arms[i].plan->tactic()) && (!best || window.typical(i) < window.typical(*best))) best = i;
  if (!best) return best;
  survey_->refine(window.typical(*best));
  for (std::size_t i = 0; i < arms.size(); ++i)
    if (arms[i].plan == survey_->anchor().get()) drift_.note(window.typical(i), window.clock_mhz);
  return best;
}

void PairedTimer::time_quick(const LaunchPlan& plan, Trial& trial, Deadline deadline) {
  const PlanArm* anchor = anchor_arm(kQuickGraphUs, deadline);
  const double vendor_us = anchor ? survey_->anchor_us() : 0;
  const double estimate = loop().stopwatch.estimate(launch_of(plan, loop().sets), 1, deadline);
  if (vendor_us > 0 && estimate > kHopeless * (vendor_us + 6)) {
    trial.us = estimate, trial.ratio = vendor_us / estimate;
    return;
  }
  const PlanArm arm = arm_of(plan, kQuickGraphUs, estimate, deadline);
  const Arm* arms[] = {&arm, anchor};
  const Window window = loop().stopwatch.window({arms, anchor ? 2u : 1u}, kQuickRounds, deadline);
  trial.us = window.typical(0);
  if (!anchor) return;
  trial.ratio = window.ratio(0, 1);
  drift_.note(window.typical(1), window.clock_mhz);
}

void PairedTimer::time_full(const LaunchPlan& plan, Trial& trial, Deadline deadline) {
  const PlanArm* anchor = anchor_arm(kFullGraphUs, deadline);
  if (!loop_case_) {
    loop_case_ = std::make_unique<Case>(bed_.queue, bed_.probe, bed_.problem, loop().sets.layout(), loop().sets.base(0),
                                        loop().sets.args(0));
    verifier_.trust(*loop_case_, deadline);
  }
  const PlanArm arm = arm_of(plan, kFullGraphUs, 0, deadline);
  std::vector<const Arm*> arms;
  if (anchor) arms.push_back(anchor);
  arms.push_back(&arm);
  const Window window = loop().stopwatch.window(arms, kFullRounds, deadline, [&] {
    for (const Region* region : loop_case_->layout.outputs())
      bed_.probe.poison(bed_.queue.stream(), loop_case_->base, *region, Verifier::kPoison);
  });
  const Verdict verdict = verifier_.inspect(*loop_case_, plan.tactic(), deadline.later(1));
  if (verdict.strays) loop_case_.reset();  // the next one's reference is of what the inputs are then
  if (!verdict.right) throw Failed{Outcome::incorrect, verdict.why, verdict.strays};
  trial.us = window.typical(arms.size() - 1);
  trial.final_timing = true;
  if (!anchor) return;
  trial.ratio = window.ratio(1, 0);
  drift_.note(window.typical(0), window.clock_mhz);
}

void PairedTimer::time_finals(std::span<const Kernel> kernels, std::span<Trial* const> trials, Deadline deadline) {
  const Testbed::Entered entered(bed_);
  std::vector<PlanPtr> plans;
  for (const Kernel& kernel : kernels) plans.push_back(bed_.plan(kernel));
  const PlanPtr anchor = survey(deadline).anchor();
  if (anchor && std::ranges::find(plans, anchor) == plans.end()) plans.push_back(anchor);
  std::vector<PlanArm> arms;
  for (const PlanPtr& plan : plans) arms.push_back(arm_of(*plan, kFullGraphUs, 0, deadline));
  const Window window = loop().stopwatch.window(pointers_to(arms), kFinalRounds, deadline);
  const auto best = follow_vendor(arms, window);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    trials[i]->us = whole_us(window.typical(i));
    trials[i]->ratio = best ? window.ratio(i, *best) : 0;
    trials[i]->final_timing = true;
  }
}

Medians PairedTimer::time(std::span<const LaunchPlan* const> plans, int rounds, double graph_us, Deadline deadline) {
  const Testbed::Entered entered(bed_);
  std::vector<PlanArm> arms;
  for (const LaunchPlan* plan : plans) arms.push_back(arm_of(*plan, graph_us, 0, deadline));
  const Window window = loop().stopwatch.window(pointers_to(arms), rounds, deadline);
  Medians medians;
  medians.clock_mhz = window.clock_mhz;
  for (std::size_t i = 0; i < plans.size(); ++i) medians.us.push_back(whole_us(window.typical(i)));
  return medians;
}

}  // namespace ak
