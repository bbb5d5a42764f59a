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

/// Whose the GPU is while a window is timed. Beside an application that goes on, only moments in which it rests show what a launch
/// takes: graphs are short, to fit into such moments, as many more, and the fastest tell.
enum class GpuFor { this_alone, others_too };

/// One launch, captured: `launches` of it in a row over the sets.
struct Arm {
  Graph graph;
  int launches = 0;
  double us = 0;  // first estimate of one launch
  int replays = 1;  // in a round
};

struct Window {
  std::vector<std::vector<double>> us;  // [arm][replay], of one launch
  double clock_mhz = 0;                 // mean SM clock of the window
  GpuFor gpu = GpuFor::this_alone;

  /// What one launch takes: the median, or beside others what a twentieth of the replays did not exceed.
  double typical(std::size_t arm) const;
  /// How much faster `arm` is: the median over the replays of us[other] / us[arm], or beside others the ratio of what is typical.
  double ratio(std::size_t arm, std::size_t other) const;
};

class Stopwatch {
 public:
  /// clocks: writes the cycle counter and the time of every SM, 2 words an SM (ak_clocks of kernels/support).
  Stopwatch(GpuQueue& queue, CUfunction clocks, int sm_count, Rotation rotation, GpuFor gpu = GpuFor::this_alone);

  /// Median microseconds of `rounds` single launches after a warm one, or beside others the least of more; rough (a launch's gaps
  /// count).
  double estimate(const Launch& launch, int rounds, Deadline deadline);
  /// A graph of about graph_us, or beside others several replays of a shorter one. estimate_us: of one launch, or 0 to estimate
  /// first.
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
  const GpuFor gpu_;
  std::vector<Event> events_;
  DeviceShare::Taken looks_;  // at the clocks, before and after a window
};

}  // namespace ak
