// LoopJob: what a loop costs that no record serves: a port within its budget, and the record that it leaves.
#pragma once

#include <string>
#include <utility>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/loop_known.hpp"
#include "context/loop_served.hpp"
#include "tune/service.hpp"

namespace ak {

class LoopJob final : public TuningWork {
 public:
  /// common, service and device outlive it. behind: nobody waits for it, so that it rests (kDutyBehind).
  LoopJob(Common& common, TuningService& service, DeviceState& device, LoopKnownPtr known, const LoopMemory& memory,
          bool behind)
      : common_(common),
        service_(service),
        device_(device),
        shared_(std::move(known)),
        known_(*shared_),
        memory_(memory),
        behind_(behind) {}
  void run(const Turn& turn) override;
  /// Null where no kernel serves: why().
  const LoopServedPtr& served() const { return served_; }
  const std::string& why() const { return why_; }
  /// Whether what served until now was proven again, and is not right.
  bool refuted() const { return refuted_; }

 private:
  void port(const Turn& turn);

  Common& common_;
  TuningService& service_;
  DeviceState& device_;
  const LoopKnownPtr shared_;
  const LoopKnown& known_;
  const LoopMemory memory_;
  const bool behind_;
  LoopServedPtr served_;
  std::string why_;
  bool refuted_ = false;
};

}  // namespace ak
