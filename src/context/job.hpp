// TuningJob: what a miss costs. What packs know, proven here; else a proof of the old winner; else a search under its budgets;
// and the record it leaves.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/hint.hpp"
#include "context/served.hpp"
#include "context/spare.hpp"
#include "tune/service.hpp"

namespace ak {

class TuningJob final : public TuningWork {
 public:
  /// common and device outlive it.
  TuningJob(Common& common, DeviceState& device, const Problem& problem, Request request);

  /// Why it cannot begin now, as an answer to keep: no time or no memory. nullopt when it can.
  std::optional<Served> refused();
  /// Throws when it is stopped: its context ends.
  void run(const Turn& turn) override;
  /// What run() kept.
  const Served& served() const { return served_; }

 private:
  Served tuned(const Turn& turn);
  std::string warm_up(const Turn& turn);
  Served search(const Turn& turn, double seconds);
  Served untuned(const std::string& why, Standing standing);
  std::vector<std::unique_ptr<Proposer>> proposers(const Allowance& allowance);
  ProgressSink progress();
  void look_at(const Trial& trial);
  Served adopt(Tuned tuned);

  Common& common_;
  DeviceState& device_;
  Machine& machine_;
  const Problem problem_;
  const std::string text_;
  const Request request_;
  std::optional<PlanRecord> old_;  // stands, and is to be proven again
  std::optional<Hint> hint_;
  std::string without_;  // why no own kernels are tried
  bool spared_ = false;  // a search, by a hint or by a proof of the old winner
  std::optional<SpareKernel> spare_;
  Served served_;
};

/// AK_FORCE_TACTIC: proven, and used instead of searching.
class ForcedTrial final : public TuningWork {
 public:
  ForcedTrial(Common& common, DeviceState& device, const Problem& problem)
      : common_(common), device_(device), problem_(problem) {}
  void run(const Turn& turn) override;
  /// nullopt when it cannot serve, with the reason in the log.
  const std::optional<Served>& served() const { return served_; }

 private:
  Common& common_;
  DeviceState& device_;
  const Problem problem_;
  std::optional<Served> served_;
};

}  // namespace ak
