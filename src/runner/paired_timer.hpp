// PairedTimer: the timer in this process, on the testbed's GPU: all that is compared is timed in one window.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/trial.hpp"
#include "proof/testbed.hpp"
#include "proof/verify.hpp"
#include "runner/plan_launch.hpp"
#include "runner/timer.hpp"
#include "runner/vendor_survey.hpp"
#include "timing/drift.hpp"

namespace ak {

/// Interleaved medians of plans, in microseconds a launch, with the window's mean SM clock.
struct Medians {
  std::vector<double> us;
  double clock_mhz = 0;
};

class PairedTimer final : public Timer {
 public:
  /// Of the testbed's problem, in proportion for the whole. Both must outlive it. Its sets of operands are allocated with the
  /// first timing.
  PairedTimer(Testbed& bed, Verifier& verifier, GpuFor gpu = GpuFor::this_alone)
      : bed_(bed), verifier_(verifier), gpu_(gpu) {}

  /// Times all heuristics coarsely first, and gives those that come near the best of their kind.
  std::vector<Tactic> vendor_tactics(Deadline deadline) override;
  VendorTimes vendor() const override;
  std::string vendor_algo(const Tactic& tactic) const override;
  void load(const Kernel& kernel, Trial& trial, Deadline deadline) override;
  /// A plan far behind the vendor is timed with less care. What the timed loop left in D is held to the verifier's bounds at
  /// full effort: throws Failed{incorrect}.
  void time(const Kernel& kernel, Effort effort, Trial& trial, Deadline deadline) override;
  void time_finals(std::span<const Kernel> kernels, std::span<Trial* const> trials, Deadline deadline) override;
  double drift() const override { return drift_.value(); }

  /// cuBLASLt's ways as plans.
  VendorArms arms(Deadline deadline);
  /// Any plans of the testbed's problem in one window; graph_us is about how long one arm's graph takes.
  Medians time(std::span<const LaunchPlan* const> plans, int rounds, double graph_us, Deadline deadline);

 private:
  struct Loop {
    Loop(Testbed& bed, GpuFor gpu);
    RotatingSets sets;
    Stopwatch stopwatch;
  };
  Loop& loop();
  VendorSurvey& survey(Deadline deadline);
  double whole_us(double us) const;
  void time_quick(const LaunchPlan& plan, Trial& trial, Deadline deadline);
  void time_full(const LaunchPlan& plan, Trial& trial, Deadline deadline);
  PlanArm arm_of(const LaunchPlan& plan, double graph_us, double estimate_us, Deadline deadline);
  const PlanArm* anchor_arm(double graph_us, Deadline deadline);
  std::optional<std::size_t> follow_vendor(std::span<const PlanArm> arms, const Window& window);

  Testbed& bed_;
  Verifier& verifier_;
  const GpuFor gpu_;
  std::optional<Loop> loop_;
  std::optional<VendorSurvey> survey_;
  std::unique_ptr<Case> loop_case_;  // of the first set, which timed loops write last
  PlanArm short_anchor_, long_anchor_;
  Drift drift_;
};

}  // namespace ak
