// Surrogate: the cost model, corrected by what was measured nearby.
#pragma once

#include <cstddef>
#include <vector>

#include "search/proposer.hpp"

namespace ak {

/// Octaves between two tactics, summed over the knobs; a knob that is off on one side counts one. Families are worlds apart.
double distance(const Tactic& a, const Tactic& b);

/// How many knobs differ; the family counts as one.
int knobs_apart(const Tactic& a, const Tactic& b);

class Surrogate {
 public:
  explicit Surrogate(const SearchView& view);

  /// Predicted cost times the measured-to-predicted ratio of the trials around it, the nearest counting most. A neighbourhood
  /// of failures makes it dearer.
  double predict_us(const RankedTactic& candidate) const;

  /// Own tactics that ran correctly, fastest first.
  const std::vector<RankedTactic>& leaders() const { return leaders_; }  // cost_us: measured

 private:
  struct Sample {
    Tactic tactic;
    double log_ratio;  // of measured to predicted
    bool correct;
  };
  std::vector<Sample> samples_;
  std::vector<RankedTactic> leaders_;
};

}  // namespace ak
