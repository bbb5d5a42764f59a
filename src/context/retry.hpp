// Retry: what failed for a reason that may pass is tried again, each time after twice as long.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"

namespace ak {

struct Retry {
  Clock::time_point at{};
  double wait_s = 0;
  int times = 0;

  void later(Clock::time_point now) {
    constexpr double kFirst = 1, kLast = 60;  // seconds
    wait_s = std::clamp(2 * wait_s, kFirst, kLast);
    at = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait_s));
    ++times;
  }
};

}  // namespace ak
