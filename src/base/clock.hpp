// Wall-clock budgets. A Deadline is passed down; nobody reads a global clock to decide when to stop.
#pragma once

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <utility>

namespace ak {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Thrown where what was waited for had not ended at its deadline.
struct TimedOut {};

/// A point in time, or earlier the moment when a stop is requested.
class Deadline {
 public:
  static Deadline in(double seconds, std::stop_token stop = {}) {
    return Deadline(
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(seconds, 1e8))),
        std::move(stop));
  }
  static Deadline never(std::stop_token stop = {}) { return in(1e8, std::move(stop)); }

  double remaining() const { return stopped() ? 0 : std::max(0.0, std::chrono::duration<double>(at_ - Clock::now()).count()); }
  bool passed() const { return stopped() || Clock::now() >= at_; }
  bool stopped() const { return stop_.stop_requested(); }
  Clock::time_point at() const { return at_; }
  const std::stop_token& stop() const { return stop_; }
  Deadline later(double seconds) const { return Deadline(std::max(at_, in(seconds).at_), stop_); }
  Deadline sooner(double seconds) const { return Deadline(std::min(at_, in(seconds).at_), stop_); }

  /// condition.wait_until(lock, at(), done), ended by a stop as well.
  template <class Condition, class Lock, class Done>
  bool wait(Condition& condition, Lock& lock, Done done) const {
    constexpr auto kLook = std::chrono::milliseconds(20);  // for a stop, which wakes nobody
    if (!stop_.stop_possible()) return condition.wait_until(lock, at_, done);
    while (!done()) {
      if (passed()) return false;
      condition.wait_until(lock, std::min(at_, Clock::now() + kLook));
    }
    return true;
  }

 private:
  Deadline(Clock::time_point at, std::stop_token stop) : at_(at), stop_(std::move(stop)) {}
  Clock::time_point at_;
  std::stop_token stop_;
};

}  // namespace ak
