// LoopJob: what a loop costs that no record serves: a port within its budget, and the record that it leaves.
#pragma once

#include <string>

#include "context/loop_state.hpp"

namespace ak {

class LoopJob final : public TuningWork {
 public:
  /// device outlives it; the loop lives as long as it does, and has what is known.
  LoopJob(std::shared_ptr<Loop::State> loop, DeviceState& device, const LoopKnown& known, const LoopMemory& memory)
      : keeps_(std::move(loop)), loop_(*keeps_), device_(device), known_(known), memory_(memory) {}
  void run(const Turn& turn) override;
  /// Null where no kernel serves: why().
  const LoopServedPtr& served() const { return served_; }
  const std::string& why() const { return why_; }

 private:
  void port(const Turn& turn);

  const std::shared_ptr<Loop::State> keeps_;
  Loop::State& loop_;
  DeviceState& device_;
  const LoopKnown& known_;
  const LoopMemory memory_;
  LoopServedPtr served_;
  std::string why_;
};

}  // namespace ak
