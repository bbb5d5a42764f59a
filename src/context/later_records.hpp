// LaterRecords: where nothing is searched for, problems that another answer stands in for are looked for in the store now and
// then: another process may leave a record. Their calls may be hot, or in graphs, and do not ask.
#pragma once

#include <memory>
#include <utility>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/retry.hpp"
#include "tune/service.hpp"

namespace ak {

class LaterRecords final : public TuningWork {
 public:
  /// Begun now, or sooner than it would have been. All of them outlive what the service runs. Called behind keep().
  static void look(TuningService& service, Common& common, DeviceState& device);

  LaterRecords(Common& common, DeviceState& device, Retry again) : common_(common), device_(device), again_(std::move(again)) {}
  void run(const Turn& turn) override;

 private:
  Common& common_;
  DeviceState& device_;
  Retry again_;
};

}  // namespace ak
