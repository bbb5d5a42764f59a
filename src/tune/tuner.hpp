// Tuner: search + runner + allowance, wired. Ends with a winner or with the reason there is none.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/store.hpp"
#include "core/device_facts.hpp"
#include "runner/runner.hpp"
#include "search/proposer.hpp"
#include "tune/spending.hpp"

namespace ak {

/// After every trial; best is the fastest correct one so far. Called on the thread that runs tune().
struct Progress {
  const Problem* problem;
  const Trial* trial;
  const Trial* best;
  int trials;
  double elapsed_s, budget_s;  // the rests are not counted
};
using ProgressSink = std::function<void(const Progress&)>;

struct Tuned {
  std::optional<Trial> winner;  // own or vendor; an own kernel displaced the vendor only by 1 % or more in paired timing
  std::optional<Trial> own;     // best own kernel, whoever won
  VendorTimes vendor;
  std::vector<Trial> history;
  Artifact artifact;  // of the winner
  double seconds = 0;
  double explore_s = 0, refine_s = 0, finals_s = 0;  // these four with the rests in them
  int trials = 0;                                    // runs of own tactics
  int compiles = 0;
  bool provisional = false;
  bool unfinished = false;  // nothing was learned of own kernels, for lack of time or memory
  bool stopped = false;     // by Allowance::stop: a winner may stand, but others were not tried
  std::string note;         // why the LLM fell silent, why the search ended early
};

/// An own kernel displaces the vendor's best when it is this much faster in the finals.
constexpr double kDisplacement = 1.01;
/// Drift of the vendor anchor beyond which a result is provisional.
constexpr double kMostDrift = 0.05;

/// Of its seconds, at most, a search that opened slowly runs longer, so that own kernels get their share.
constexpr double kMostOverrun = 0.5;

/// With what is left of `spending`. Proposers are asked in turn. Never throws for a failed candidate. Ends within its seconds
/// and kMostOverrun plus at most one trial; after a stop, within about one trial.
Tuned tune(const Problem& problem, const DeviceFacts& device, const Space& space, Runner& runner,
           std::vector<std::unique_ptr<Proposer>> proposers, Spending& spending, const ProgressSink& progress = {});

/// With an allowance of its own.
Tuned tune(const Problem& problem, const DeviceFacts& device, const Space& space, Runner& runner,
           std::vector<std::unique_ptr<Proposer>> proposers, const Allowance& allowance, const ProgressSink& progress = {});

}  // namespace ak
