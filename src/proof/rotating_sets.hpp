// RotatingSets: instances of one problem to time launches over, together larger than the L2 cache.
#pragma once

#include <vector>

#include "core/device_facts.hpp"
#include "proof/verify.hpp"

namespace ak {

/// Instances of one problem in one block of memory, alike but for their data and addresses.
class RotatingSets {
 public:
  /// Bytes of one set.
  static std::int64_t least_bytes(const Problem& problem);
  /// Allocates, one set at least and otherwise what the cases of a proof leave of the queue's memory, and enqueues the filling
  /// with normal numbers. Throws Error{out_of_memory}.
  RotatingSets(const GpuQueue& queue, const Probe& probe, const Problem& problem, const DeviceFacts& device);

  std::int64_t bytes() const { return static_cast<std::int64_t>(memory_.bytes()); }
  int count() const { return static_cast<int>(args_.size()); }
  const CallArgs& args(int set) const { return args_[static_cast<std::size_t>(set)]; }
  std::uint64_t base(int set) const { return memory_.get() + static_cast<std::uint64_t>(set) * layout_.bytes; }
  const Layout& layout() const { return layout_; }
  /// Whether one set alone leaves nothing of itself in L2.
  bool self_evicting() const { return self_evicting_; }

 private:
  Layout layout_;
  DeviceShare::Taken memory_;
  std::vector<CallArgs> args_;
  bool self_evicting_ = false;
};

}  // namespace ak
