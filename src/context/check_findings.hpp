// Findings: what a guard's checks say of a kernel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ak {

struct Findings {
  int mismatches = 0;  // one after the other

  /// Its result is wrong; whether that accuses it. What serves then is another kernel, which has mismatches of its own.
  bool mismatch() {
    if (++mismatches < kAccused) return false;
    mismatches = 0;
    return true;
  }
  /// Its result is right. ratio: its time over that of what it is held to; 0: not known. The median of the last times where
  /// they tell that it is slower; else 0.
  double match(double ratio) {
    mismatches = 0;
    if (ratio > 0) ratios_.push_back(ratio);
    if (ratios_.size() < kTimes) return 0;
    std::ranges::nth_element(ratios_, ratios_.begin() + kTimes / 2);
    const double median = ratios_[kTimes / 2];
    ratios_.clear();
    return median > kSlower ? median : 0;
  }

 private:
  static constexpr int kAccused = 2;        // mismatches, one after the other
  static constexpr std::size_t kTimes = 8;  // that tell whether a kernel is slower
  static constexpr double kSlower = 1.05;
  std::vector<double> ratios_;
};

}  // namespace ak
