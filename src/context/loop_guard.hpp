// LoopGuard: one call in so many of a loop's kernel is checked against the caller's C function. On the caller's stream its
// arrays are copied to memory of the guard's own, and the kernel runs on a copy; nobody waits. The device's tuner thread runs
// the C function on what the arrays held, later. A kernel that leaves something else, or takes longer, makes way.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "context/check_bench.hpp"
#include "context/common.hpp"
#include "context/loop_known.hpp"
#include "context/loop_served.hpp"
#include "context/retry.hpp"

namespace ak {

class DeviceState;

class LoopGuard {
 public:
  /// All of it outlives the guard, which outlives what its service runs.
  LoopGuard(Common& common, TuningService& service, DeviceState& device, int every);

  bool due() { return bench_.sampling.due(); }
  /// How many kernels have made way so far: who remembers what serves a call looks again when it grows.
  std::uint64_t demotions() const { return demotions_.load(std::memory_order_acquire); }
  /// Of a call that is not captured, before the plan, one of served's, does it. Nothing where the C function cannot be run on
  /// copies, and while another check of the device is under way.
  void check(Stream stream, LoopKnownPtr known, const LoopMemory& memory, const LoopValues& values, LoopServedPtr served,
             const LoopPlan& plan);

 private:
  struct Sample;

  void prepare(std::int64_t bytes);
  void judge(const Sample& sample);
  void demote(const Sample& sample, const std::string& why);
  void distrust_record(const Sample& sample, bool wrong);
  void distrust_record(const Sample& sample, bool wrong, const std::string& key);

  Common& common_;
  DeviceState& device_;
  std::atomic<std::uint64_t> demotions_{0};
  Retry room_;        // of memory, under the bench's lock
  CheckBench bench_;  // its memory: what the arrays held, and what the kernel left
};

}  // namespace ak
