#include "tune/spending.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace ak {

Allowance Spending::left() const {
  Allowance left = allowance_;
  left.seconds -= spent();
  return left;
}

void Spending::rest(double used) {
  if (allowance_.duty >= 1) return;
  const auto began = Clock::now();
  std::mutex none;
  std::unique_lock lock(none);
  std::condition_variable_any().wait_for(lock, allowance_.stop, std::chrono::duration<double>(used / allowance_.duty - used),
                                         [] { return false; });
  const double rested = seconds_since(began);
  for (Spending* each = this; each; each = each->whole_) each->rested_ += rested;
}

}  // namespace ak
