// Sweep: runs a whole space, or an even sample of it, on a real GPU and records every trial.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/device_facts.hpp"
#include "recording/recording.hpp"
#include "runner/runner.hpp"

namespace ak {

struct SweepBudget {
  double seconds = 1e8;        // of this call; what is left undone is done by the next one
  std::size_t most = 1000000;  // own tactics
  double trial_s = 20;         // of one trial, its compile included
};

struct SweepProgress {
  const Trial* trial;
  std::size_t done, total;
  double elapsed_s;
};

/// What the numbers of a sweep depend on. `tactics` is the whole own space, cheapest first.
RecordingHeader make_header(const Problem& problem, const DeviceFacts& device, std::span<const Tactic> tactics,
                            std::string driver, std::string cublaslt);

/// At most `most` of a ranked list: its first min(100, most), then the rest evenly.
std::vector<Tactic> sample(std::span<const Tactic> ranked, std::size_t most);

/// The vendor's tactics first (again on every call: ratios need them in this process), then the own ones the writer lacks, then
/// the fastest interleaved. `tactics` as in make_header(). Gives the recording's path, or an empty string when the budget ended
/// first: call again to resume. Throws Error{driver} when a trial cost the process its GPU context: resume in a new process.
std::string sweep(std::span<const Tactic> tactics, Runner& runner, RecordingWriter& writer, const SweepBudget& budget,
                  const std::function<void(const SweepProgress&)>& progress = {});

}  // namespace ak
