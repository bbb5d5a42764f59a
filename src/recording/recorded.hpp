// RecordedRunner: a runner for machines without the GPU. Outcomes and times come from a recording and from nothing else; every
// own tactic is still compiled to a real cubin for the recorded GPU. Nothing is launched.
#pragma once

#include <memory>
#include <unordered_map>

#include "core/allowance.hpp"
#include "jit/compile_pool.hpp"
#include "recording/recording.hpp"
#include "runner/runner.hpp"

namespace ak {

class RecordedRunner : public Runner {
 public:
  /// Throws Error{missing_library} when NVRTC cannot be opened. Warns once for each family whose device code is not what the
  /// recording was made with: its answers then tell of the old code.
  explicit RecordedRunner(Recording recording, const Allowance& allowance = {});

  std::vector<Tactic> vendor_tactics(Deadline) override;
  void prefetch(std::span<const Tactic> tactics) override;
  void drop_prefetched() override;
  bool ready(const Tactic& tactic) override;
  Trial run(const Tactic& tactic, Effort effort, Deadline deadline) override;
  std::vector<Trial> finals(std::span<const Tactic> tactics, Deadline deadline) override;
  /// A vendor tactic's is empty: a recording holds no algorithm.
  Artifact artifact(const Tactic& tactic) override;
  VendorTimes vendor() override { return recording_.vendor; }
  int compiles() const override { return pool_.compiles(); }
  double anchor_drift() override { return recording_.anchor_drift; }

  const Recording& recording() const { return recording_; }

 private:
  const RecordedTrial* find(const Tactic& tactic) const;
  const Source& source_of(const Tactic& tactic);

  const Recording recording_;
  std::unordered_map<Tactic, const RecordedTrial*, TacticHash> index_;
  std::unordered_map<Tactic, Source, TacticHash> sources_;
  CompilePool pool_;
};

}  // namespace ak
