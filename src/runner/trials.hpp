// Trials: tactics compiled, proven and timed, one Trial each, on the current context's GPU. It only joins the three.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/allowance.hpp"
#include "plan/plan.hpp"
#include "plan/resources.hpp"
#include "proof/prover.hpp"
#include "runner/paired_timer.hpp"
#include "runner/quarantine.hpp"
#include "runner/runner.hpp"

namespace ak {

/// Rules, sources and artifacts are of the whole problem; plans, cases and sets of its panel. Times are those of the panel in
/// proportion to the whole problem's rows.
class Trials : public Runner {
 public:
  struct Options {
    std::function<std::string(const Tactic&)> source;  // the text of a tactic; empty: make_source of its family
    Allowance allowance = {};                          // device memory of this process, and threads
    std::unique_ptr<Prover> prover;                    // of own kernels, for the panel; null: this process proves
    std::optional<Problem> panel = {};                 // what is proven and timed; empty: search_panel() of the allowance
    Quarantine* quarantine = nullptr;                  // null: none is kept
    bool reviewed = true;  // the sources are the library's own: where the prover is not to be had, this process proves
  };

  /// The problem has m, n, k >= 1. Device memory is allocated on the first run.
  Trials(const Problem& problem, Resources& resources, Options options);
  Trials(const Problem& problem, Resources& resources) : Trials(problem, resources, Options{}) {}
  ~Trials() override;

  /// Times all heuristics coarsely first, and gives those that come near the best of their kind.
  std::vector<Tactic> vendor_tactics(Deadline deadline) override;
  void prefetch(std::span<const Tactic> tactics) override;
  void drop_prefetched() override;
  bool ready(const Tactic& tactic) override;
  Trial run(const Tactic& tactic, Effort effort, Deadline deadline) override;
  Trial prove(const Tactic& tactic, Deadline deadline) override { return verify(tactic, Effort::full, deadline); }
  std::vector<Trial> finals(std::span<const Tactic> tactics, Deadline deadline) override;
  std::string extent(const Tactic& tactic) const override;
  Artifact artifact(const Tactic& tactic) override;
  VendorTimes vendor() override;
  int compiles() const override;
  double anchor_drift() override;

  /// run() without the timing. `error`, when given, gets the worst element's error over its bound.
  Trial verify(const Tactic& tactic, Effort effort, Deadline deadline, double* error = nullptr);

  VendorArms vendor_arms();
  /// Throws Error{driver} where the plans cannot be timed.
  Medians time(std::span<const Plan* const> plans, int rounds, double graph_us, Deadline deadline);
  /// The plan, for the panel, of a tactic that ran correctly; null otherwise.
  PlanPtr plan(const Tactic& tactic);
  /// What lost the GPU context; empty while it works. Every later trial is Outcome::runtime.
  std::string fault() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ak
