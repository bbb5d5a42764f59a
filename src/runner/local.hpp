// LocalRunner: compiles, proves and times tactics in this process, on the current context's GPU.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "jit/compile_pool.hpp"
#include "plan/plan.hpp"
#include "plan/resources.hpp"
#include "runner/runner.hpp"
#include "runner/vendor_survey.hpp"

namespace ak {

/// Why the problem cannot be searched now: too little device memory is free, in bytes. It may pass. nullopt when it can.
std::optional<std::string> lacks_memory(const Problem& problem);

class LocalRunner : public Runner {
 public:
  struct Options {
    CompilePool::SourceOf source;  // the text of a tactic; empty: make_source of its family
    int threads = usable_cores();  // for compiling
  };

  /// The problem has m, n, k >= 1. Device memory is allocated on the first run.
  LocalRunner(const Problem& problem, Resources& resources, Options options);
  LocalRunner(const Problem& problem, Resources& resources) : LocalRunner(problem, resources, Options{}) {}
  ~LocalRunner() override;

  /// Times all heuristics coarsely first, and gives those that come near the best of their kind.
  std::vector<Tactic> vendor_tactics(Deadline deadline) override;
  void prefetch(std::span<const Tactic> tactics) override;
  void drop_prefetched() override;
  bool ready(const Tactic& tactic) override;
  Trial run(const Tactic& tactic, Effort effort, Deadline deadline) override;
  Trial prove(const Tactic& tactic, Deadline deadline) override { return verify(tactic, Effort::full, deadline); }
  std::vector<Trial> finals(std::span<const Tactic> tactics, Deadline deadline) override;
  Artifact artifact(const Tactic& tactic) override;
  VendorTimes vendor() override;
  int compiles() const override;
  double anchor_drift() override;

  /// run() without the timing. `error`, when given, gets the worst element's error over its bound.
  Trial verify(const Tactic& tactic, Effort effort, Deadline deadline, double* error = nullptr);

  VendorArms vendor_arms();
  /// Interleaved medians of any plans of this problem, in microseconds a launch, with the window's SM clock.
  struct Timing {
    std::vector<double> us;
    double clock_mhz = 0;
  };
  Timing time(std::span<const Plan* const> plans, int rounds, double graph_us, Deadline deadline);
  /// The plan of a tactic that ran correctly; null otherwise.
  PlanPtr plan(const Tactic& tactic);
  /// What lost the GPU context; empty while it works. Every later trial is Outcome::runtime.
  std::string fault() const;
  /// Mean SM clock of the last window, MHz.
  double clock_mhz() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ak
