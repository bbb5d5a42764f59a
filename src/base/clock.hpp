// Wall-clock budgets. A Deadline is passed down; nobody reads a global clock to decide when to stop.
#pragma once

#include <algorithm>
#include <chrono>

namespace ak {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Deadline {
 public:
  static Deadline in(double seconds) {
    return Deadline(Clock::now() +
                    std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(seconds, 1e8))));
  }
  static Deadline never() { return in(1e8); }

  double remaining() const { return std::max(0.0, std::chrono::duration<double>(at_ - Clock::now()).count()); }
  bool passed() const { return Clock::now() >= at_; }
  Clock::time_point at() const { return at_; }
  Deadline later(double seconds) const { return Deadline(std::max(at_, in(seconds).at_)); }
  Deadline sooner(double seconds) const { return Deadline(std::min(at_, in(seconds).at_)); }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

}  // namespace ak
