// LoopJob: what a loop costs that no record serves: a port within its budget, and the record that it leaves.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/loop_known.hpp"
#include "context/loop_served.hpp"
#include "context/retry.hpp"
#include "tune/service.hpp"

namespace ak {

/// Whole calls by a plan, or where that is null by a C function that does nothing; on values' addresses.
using LoopCalls = std::function<std::function<void(void* const* values)>(const LoopPlan*)>;

class LoopJob final : public TuningWork {
 public:
  /// Who gets what becomes of a job that nobody waits for, on the tuner thread. False: nobody is there any more.
  using Tell = std::function<bool(const LoopJob& job)>;

  /// common and device outlive it. calls: as PortGpu has them. behind: null where somebody waits for it; else it rests
  /// (background_share), and is done again, later, while its answer does not last.
  LoopJob(Common& common, DeviceState& device, LoopKnownPtr known, const LoopMemory& memory, LoopCalls calls, Tell behind)
      : common_(common),
        device_(device),
        shared_(std::move(known)),
        known_(*shared_),
        memory_(memory),
        calls_(std::move(calls)),
        behind_(std::move(behind)) {}
  void run(const Turn& turn) override;
  /// Null where no kernel serves: why().
  const LoopServedPtr& served() const { return served_; }
  const std::string& why() const { return why_; }
  /// Whether what served until now was proven again, and is not right.
  bool refuted() const { return refuted_; }
  /// Whether it ended with no kernel and lacked nothing: only another record than the one it knew can change that.
  bool in_vain() const { return in_vain_; }
  const std::optional<loop::Winner>& record() const { return record_; }

 private:
  void port(const Turn& turn);

  Common& common_;
  DeviceState& device_;
  const LoopKnownPtr shared_;
  const LoopKnown& known_;
  const LoopMemory memory_;
  const LoopCalls calls_;
  const Tell behind_;
  Retry again_;
  LoopServedPtr served_;
  std::string why_;
  std::optional<loop::Winner> record_;  // that it began with
  bool refuted_ = false, in_vain_ = false;
};

}  // namespace ak
