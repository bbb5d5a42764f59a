// PairedTimer: how fast plans of a problem are, beside cuBLASLt's best in the same window.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/trial.hpp"
#include "proof/testbed.hpp"
#include "proof/verify.hpp"
#include "runner/plan_arm.hpp"
#include "runner/vendor_survey.hpp"
#include "timing/drift.hpp"

namespace ak {

/// Interleaved medians of plans, in microseconds a launch, with the window's mean SM clock.
struct Medians {
  std::vector<double> us;
  double clock_mhz = 0;
};

class PairedTimer {
 public:
  /// The testbed must outlive it. Allocates its sets of operands; throws Error{out_of_memory}.
  explicit PairedTimer(Testbed& bed);

  /// cuBLASLt's ways, timed with the first call.
  VendorSurvey& survey(Deadline deadline);
  /// What the survey found, if it was made.
  PlanPtr anchor() const { return survey_ ? survey_->anchor() : nullptr; }
  VendorTimes vendor() const { return survey_ ? survey_->times() : VendorTimes{}; }

  /// Fill in us and ratio, and at full effort final_timing. A plan far behind the vendor is timed with less care. What the
  /// timed loop left in D is held to the verifier's bounds at full effort: throws Failed{incorrect}.
  void time_quick(const Plan& plan, Trial& trial, Deadline deadline);
  void time_full(const Plan& plan, Verifier& verifier, Trial& trial, Deadline deadline);
  /// The last few in one window, the vendor's best among them.
  void time_finals(std::span<const Plan* const> plans, std::span<Trial* const> trials, Deadline deadline);
  /// Any plans of the problem in one window; graph_us is about how long one arm's graph takes.
  Medians time(std::span<const Plan* const> plans, int rounds, double graph_us, Deadline deadline);

  /// Of the anchor between the first window and the last, as a fraction.
  double drift() const { return drift_.value(); }

 private:
  PlanArm arm_of(const Plan& plan, double graph_us, double estimate_us, Deadline deadline);
  const PlanArm* anchor_arm(double graph_us, Deadline deadline);
  std::optional<std::size_t> follow_vendor(std::span<const PlanArm> arms, const Window& window);

  Testbed& bed_;
  RotatingSets sets_;
  Stopwatch stopwatch_;
  std::optional<VendorSurvey> survey_;
  std::unique_ptr<Case> loop_case_;  // of the first set, which timed loops write last
  PlanArm short_anchor_, long_anchor_;
  Drift drift_;
};

}  // namespace ak
