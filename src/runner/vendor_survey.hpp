// VendorSurvey: what cuBLASLt can do for a problem. All heuristics are timed coarsely, then the best of each kind together.
#pragma once

#include <vector>

#include "plan/vendor.hpp"
#include "proof/testbed.hpp"
#include "runner/plan_launch.hpp"
#include "runner/timer.hpp"

namespace ak {

/// Arms of the baseline, each null where cuBLASLt has none: what VendorTimes names, as plans to be timed again.
struct VendorArms {
  PlanPtr first, gemm, fused, separate_first, separate;
};

class VendorSurvey {
 public:
  /// The testbed's problem is timed; the heuristics are the whole's, so that what leads serves it.
  /// sets: what launches turn over; the stopwatch's rotation is theirs.
  VendorSurvey(Testbed& bed, Stopwatch& stopwatch, const RotatingSets& sets);

  /// Without cuBLASLt, or where it serves nothing, it stays empty. At the deadline it makes do with the heuristics timed so
  /// far, at least one of each kind. Throws TimedOut when a single launch takes seconds, or has not
  /// ended at a stop.
  void run(Deadline deadline);

  const VendorTimes& times() const { return times_; }
  /// The fastest way cuBLASLt serves the problem with f32 accumulation; null when there is none. times() knows of the faster
  /// ones too that round split-K's partial sums to D's type: they count as baseline, and never serve.
  PlanPtr anchor() const { return anchor_; }
  double anchor_us() const { return anchor_us_; }
  /// Candidates worth a trial, fastest first; all accumulate in f32.
  const std::vector<Tactic>& leaders() const { return leaders_; }
  /// Any candidate of the survey, or one built now; null when cuBLASLt offers no such rank.
  PlanPtr plan(const Tactic& tactic);
  const VendorArms& arms() const { return arms_; }
  /// A longer window's figure for the anchor. The baseline follows where the anchor is it.
  void refine(double anchor_us) {
    if (times_.best_us == anchor_us_ || anchor_us < times_.best_us) times_.best_us = anchor_us;
    anchor_us_ = anchor_us;
  }

 private:
  struct Entry {
    std::shared_ptr<const VendorPlan> plan;
    double us = 0;
    bool right = true;     // accumulates in f32 throughout
    bool lacking = false;  // its workspace was not to be had
  };
  // All that was asked for, and of each the leaders, which are timed together.
  struct Field {
    std::vector<Entry> gemms, fused, separate, two_products;
    std::vector<Entry*> best_gemms, best_fused, best_separate;
  };
  std::vector<Entry> candidates(const Problem& problem, VendorKind kind, Deadline deadline);
  std::shared_ptr<const VendorPlan> of_rank(const Tactic& tactic);
  Problem whole_of(Problem problem) const;
  static std::vector<Entry*> leaders_of(std::vector<Entry>& entries);
  Field collect(Deadline deadline);
  void time(std::vector<Entry*> entries, double graph_us, int rounds, Deadline deadline);
  void decide(const Field& field);

  Testbed& bed_;
  Stopwatch& stopwatch_;
  const RotatingSets& sets_;
  VendorTimes times_;
  PlanPtr anchor_;
  double anchor_us_ = 0;
  std::vector<Tactic> leaders_;
  std::vector<PlanPtr> plans_;
  VendorArms arms_;
};

}  // namespace ak
