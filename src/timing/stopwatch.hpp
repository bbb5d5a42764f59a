// Stopwatch: how long any launch takes. CUDA graphs of launches that rotate over sets of operands, with all arms of a
// comparison interleaved in one window: clocks drift and the chip throttles, so only neighbours in time compare.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "gpu/gpu_queue.hpp"

namespace ak {

/// Enqueues one launch over the given set of operands, 0 to Rotation::sets - 1.
using Launch = std::function<void(CUstream, int set)>;

struct Rotation {
  int sets = 1;                // of operands, that launches turn over
  bool self_evicting = false;  // one set alone leaves nothing of itself in the L2 cache
};

/// One launch, captured: `launches` of it in a row over the sets.
struct Arm {
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
  /// clocks: writes the cycle counter and the time of every SM, 2 words an SM (ak_clocks of kernels/support).
  Stopwatch(GpuQueue& queue, CUfunction clocks, int sm_count, Rotation rotation);

  /// Median microseconds of `rounds` single launches after a warm one; rough (a launch's gaps count).
  double estimate(const Launch& launch, int rounds, Deadline deadline);
  /// A graph of about graph_us. estimate_us: of one launch, or 0 to estimate first.
  Arm arm(const Launch& launch, double graph_us, double estimate_us, Deadline deadline);
  /// Every arm once untimed, then `rounds` times in turn. before_last, when given, is enqueued before the very last replay,
  /// which is the last arm's. At least one round is timed; fewer than asked when the deadline nears.
  Window window(std::span<const Arm* const> arms, int rounds, Deadline deadline, const std::function<void()>& before_last = {});

 private:
  void look(CUdeviceptr to);

  GpuQueue& queue_;
  const CUfunction clock_kernel_;
  const int sm_count_;
  const Rotation rotation_;
  std::vector<Event> events_;
  DeviceShare::Taken looks_;  // at the clocks, before and after a window
};

}  // namespace ak
