// TuningJob: what a miss costs. What packs know, proven here; else a proof of the old winner; else a search under its budgets;
// the other end of its bucket; and the record it leaves.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/hint.hpp"
#include "context/retry.hpp"
#include "context/served.hpp"
#include "context/spare.hpp"
#include "tune/service.hpp"

namespace ak {

class TuningJob final : public TuningWork {
 public:
  /// For the problem's bucket, its last m, unless the request is exact. common and device outlive it.
  TuningJob(Common& common, DeviceState& device, const Problem& problem, Request request);

  /// Why it cannot begin now: no time or no memory. nullopt when it can.
  struct Refusal {
    std::string why;
    Standing standing;
  };
  std::optional<Refusal> refused();
  /// Throws when it is stopped: its context ends.
  void run(const Turn& turn) override;
  /// What run() kept.
  const Served& served() const { return served_; }
  /// Why other m of its bucket are not served by what it found, for a passing reason; empty where they are, or none was asked
  /// for.
  const std::string& alone() const { return alone_; }

 private:
  double budget() const;  // seconds of all of it
  bool has_end() const;   // its bucket's other end is tried too
  double duty() const { return request_.behind ? common_.settings.background_share : 1; }
  Allowance allowance(const Turn& turn, double seconds) const;
  void lend(PlanRecord& record, const Tuned& tuned, const Turn& turn, Spending& spending);
  Served tuned(const Turn& turn);
  void serve_bucket();
  std::string warm_up(const Turn& turn);
  Served search(const Turn& turn, double seconds);
  Served untuned(const std::string& why, Standing standing);
  std::vector<std::unique_ptr<Proposer>> proposers(const Allowance& allowance);
  ProgressSink progress();
  void look_at(const Trial& trial);
  Served adopt(Tuned tuned, const Turn& turn, Spending& spending);

  Common& common_;
  DeviceState& device_;
  Machine& machine_;
  const Problem problem_;
  const std::string text_;
  const Request asked_;
  const Request request_;          // of its own m, and the whole of its bucket where that is asked for
  std::optional<PlanRecord> old_;  // stands, and is to be proven again
  std::optional<Hint> hint_;
  std::vector<Problem> withdrawn_;  // others of its bucket, which the old winner served
  std::string without_;  // why no own kernels are tried
  bool spared_ = false;  // a search, by a hint or by a proof of the old winner
  std::optional<SpareKernel> spare_;
  std::string alone_;
  Retry again_;
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
