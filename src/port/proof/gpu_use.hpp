// GpuUse: the GPU in turn with other processes, and a rest behind it.
#pragma once

#include "base/clock.hpp"
#include "port/port.hpp"

namespace ak::port {

/// The turn of a piece of work, while it lives.
class GpuUse {
 public:
  /// Both outlive it. deadline: at the end it is later by what the rest took.
  GpuUse(const PortGpu& gpu, Deadline& deadline)
      : gpu_(gpu), deadline_(deadline), turn_(gpu.turn ? gpu.turn(deadline) : nullptr) {}
  ~GpuUse() {
    turn_.reset();
    if (!gpu_.rest) return;
    const double left = deadline_.remaining();
    gpu_.rest(seconds_since(began_));
    deadline_ = deadline_.later(left);
  }
  GpuUse(const GpuUse&) = delete;

 private:
  const PortGpu& gpu_;
  Deadline& deadline_;
  std::shared_ptr<void> turn_;
  const Clock::time_point began_ = Clock::now();
};

}  // namespace ak::port
