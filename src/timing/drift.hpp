// Whether the GPU was somebody else's too while a search ran.
#pragma once

#include <algorithm>
#include <cmath>

namespace ak {

/// How far one kernel's time has wandered since its first timing: 0.05 is 5 %. A large product heats the chip and slows its own
/// clock: that is no busy GPU. So the drift is what the clock does not explain.
class Drift {
 public:
  /// mhz 0: unknown.
  void note(double us, double mhz) {
    last_ = {us, mhz};
    if (first_.us == 0) first_ = last_;
  }

  double value() const {
    if (first_.us <= 0) return 0;
    const double in_time = std::abs(last_.us / first_.us - 1);
    if (first_.mhz <= 0 || last_.mhz <= 0) return in_time;
    return std::min(in_time, std::abs(last_.us * last_.mhz / (first_.us * first_.mhz) - 1));
  }

 private:
  struct Timing {
    double us = 0, mhz = 0;
  };
  Timing first_, last_;
};

}  // namespace ak
