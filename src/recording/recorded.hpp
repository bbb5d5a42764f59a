// RecordedTrials: trials on machines without the GPU. What becomes of a tactic and how fast it is comes from a recording and
// from nothing else; every own tactic is still compiled to a real cubin for the recorded GPU. Nothing is launched.
#pragma once

#include <unordered_map>

#include "recording/recording.hpp"
#include "runner/trials.hpp"

namespace ak {

class RecordedAnswers {
 public:
  explicit RecordedAnswers(Recording recording);
  RecordedAnswers(const RecordedAnswers&) = delete;

  const Recording& recording() const { return recording_; }
  /// Null when the recording does not hold it.
  const RecordedTrial* find(const Tactic& tactic) const;
  /// Throws Failed.
  const RecordedTrial& at(const Tactic& tactic) const;

 private:
  const Recording recording_;
  std::unordered_map<Tactic, const RecordedTrial*, TacticHash> index_;
};

class RecordedProver final : public Prover {
 public:
  explicit RecordedProver(const RecordedAnswers& answers) : answers_(answers) {}
  Proven prove(const Kernel& kernel, Effort, Deadline) override;
  Proven prove_whole(const Kernel&, Deadline) override { return {}; }

 private:
  const RecordedAnswers& answers_;
};

class RecordedTimer final : public Timer {
 public:
  explicit RecordedTimer(const RecordedAnswers& answers) : answers_(answers) {}
  std::vector<Tactic> vendor_tactics(Deadline) override;
  VendorTimes vendor() const override { return answers_.recording().vendor; }
  /// A recording holds no algorithm.
  std::string vendor_algo(const Tactic&) const override { return {}; }
  void load(const Kernel& kernel, Trial& trial, Deadline) override;
  void time(const Kernel& kernel, Effort effort, Trial& trial, Deadline) override;
  void time_finals(std::span<const Kernel> kernels, std::span<Trial* const> trials, Deadline) override;
  double drift() const override { return answers_.recording().anchor_drift; }

 private:
  const RecordedAnswers& answers_;
};

/// What recorded trials are joined from.
struct RecordedParts {
  explicit RecordedParts(Recording recording) : answers(std::move(recording)), prover(answers), timer(answers) {}
  RecordedAnswers answers;
  RecordedProver prover;
  RecordedTimer timer;
};

class RecordedTrials final : private RecordedParts, public Trials {
 public:
  /// Throws Error{missing_library} when NVRTC cannot be opened. Logs which families' device code is not what the recording was
  /// made with: its times then tell of the old code.
  explicit RecordedTrials(Recording recording, const Allowance& allowance = {});

  const Recording& recording() const { return answers.recording(); }
};

}  // namespace ak
