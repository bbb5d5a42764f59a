// Spending: the seconds of an allowance as they are spent, by one piece of work after another.
#pragma once

#include "base/clock.hpp"
#include "core/allowance.hpp"

namespace ak {

/// Begins where it is made; its clock stands still in rests. Of one thread.
class Spending {
 public:
  /// whole: what this is a part of, which outlives it; the rests are its own too.
  explicit Spending(Allowance allowance, Spending* whole = nullptr) : allowance_(std::move(allowance)), whole_(whole) {}

  /// As it was given.
  const Allowance& allowance() const { return allowance_; }
  /// Seconds; the rests are not counted.
  double spent() const { return seconds_since(began_) - rested_; }
  double rested() const { return rested_; }
  /// The allowance with the seconds that are left of it.
  Allowance left() const;
  /// Behind so many seconds of the device, as long as the allowance's duty asks; compiles go on. Ended by its stop.
  void rest(double used);

 private:
  const Allowance allowance_;
  Spending* const whole_;
  const Clock::time_point began_ = Clock::now();
  double rested_ = 0;
};

}  // namespace ak
