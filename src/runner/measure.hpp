// Measure: CUDA graphs of launches that rotate over sets of operands larger than the L2 cache, with all arms of a comparison
// interleaved in one window: clocks drift and the chip throttles, so only neighbours in time compare.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/device_facts.hpp"
#include "plan/plan.hpp"
#include "runner/verify.hpp"

namespace ak {

/// Instances of one problem in one block of memory, alike but for their data and addresses.
class RotatingSets {
 public:
  /// Bytes of one set.
  static std::int64_t least_bytes(const Problem& problem);
  /// Allocates, at most half of what is free where that holds one set, and enqueues the filling with normal numbers. Throws
  /// Error{out_of_memory}.
  RotatingSets(const Lane& lane, const Probe& probe, const Problem& problem, const DeviceFacts& device);

  std::int64_t bytes() const { return static_cast<std::int64_t>(memory_.bytes()); }
  int count() const { return static_cast<int>(args_.size()); }
  const KernelArgs& args(int set) const { return args_[static_cast<std::size_t>(set)]; }
  std::uint64_t base(int set) const { return memory_.get() + static_cast<std::uint64_t>(set) * layout_.bytes; }
  const Layout& layout() const { return layout_; }
  /// Whether one set alone leaves nothing of itself in L2.
  bool self_evicting() const { return self_evicting_; }

 private:
  Layout layout_;
  Buffer memory_;
  std::vector<KernelArgs> args_;
  bool self_evicting_ = false;
};

/// One plan, captured: `launches` of it in a row over the sets.
struct Arm {
  const Plan* plan = nullptr;
  Graph graph;
  int launches = 0;
  double us = 0;  // first estimate of one launch
};

struct Window {
  std::vector<std::vector<double>> us;  // [arm][round], of one launch
  double clock_mhz = 0;                 // mean SM clock of the window

  double median(std::size_t arm) const;
  /// Median over the rounds of us[other] / us[arm]: how much faster `arm` is.
  double ratio(std::size_t arm, std::size_t other) const;
};

class Stopwatch {
 public:
  Stopwatch(Lane& lane, const Probe& probe, const RotatingSets& sets, int sm_count);

  /// Median microseconds of `rounds` single launches after a warm one; rough (a launch's gaps count).
  double estimate(const Plan& plan, int rounds, Deadline deadline);
  /// A graph of about graph_us. estimate_us: of one launch, or 0 to estimate first.
  Arm arm(const Plan& plan, double graph_us, double estimate_us, Deadline deadline);
  /// Every arm once untimed, then `rounds` times in turn. before_last, when given, is enqueued before the very last replay,
  /// which is the last arm's. At least one round is timed; fewer than asked when the deadline nears.
  Window window(std::span<const Arm* const> arms, int rounds, Deadline deadline, const std::function<void()>& before_last = {});

 private:
  Lane& lane_;
  const Probe& probe_;
  const RotatingSets& sets_;
  const int sm_count_;
  std::vector<Event> events_;
  Buffer clocks_;
};

}  // namespace ak
