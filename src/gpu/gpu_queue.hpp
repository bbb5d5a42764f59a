// GpuQueue: the stream on which candidates are proven and timed, and the device memory they may take. It never waits longer
// than it was told to, and it knows when the context is lost.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "gpu/device_share.hpp"

namespace ak {

class GpuQueue {
 public:
  /// In the current context.
  explicit GpuQueue(DeviceShare memory = DeviceShare());
  GpuQueue(const GpuQueue&) = delete;
  GpuQueue& operator=(const GpuQueue&) = delete;

  CUstream stream() const { return stream_.get(); }
  const DeviceShare& memory() const { return memory_; }

  /// Until all enqueued work ended. Throws TimedOut, or Error{driver} for a fault; the latter loses the context.
  void wait(Deadline deadline);
  /// The same, until an event recorded on this stream is done.
  void wait(const Event& event, Deadline deadline);

  /// What lost the context; empty while it works. Checked against the driver.
  const std::string& fault();

  /// After TimedOut: waits until the stream is idle. False when it does not end within the given seconds or the context is
  /// lost.
  bool drain(double seconds);
  /// The same where a wait timed out since it was last idle; true at once otherwise.
  bool settle(double seconds) { return !overdue_ || drain(seconds); }

 private:
  const DeviceShare memory_;
  OwnedStream stream_;
  Event mark_;
  std::string fault_;
  bool overdue_ = false;  // a wait timed out, and the stream may still be running
};

}  // namespace ak
