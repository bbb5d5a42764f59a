// Trials: tactics compiled, proven and timed, one Trial each. It only joins the three, which know nothing of each other, and
// knows no GPU: with gpu_trials.hpp's parts they are run on one, with recording/recorded.hpp's they are answered from a file.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/allowance.hpp"
#include "jit/compiled_kernels.hpp"
#include "jit/source.hpp"
#include "proof/prover.hpp"
#include "runner/quarantine.hpp"
#include "runner/runner.hpp"
#include "runner/timer.hpp"

namespace ak {

class Trials : public Runner {
 public:
  struct Rules {
    std::function<std::optional<std::string>(const Tactic&)> refuses;  // why an own tactic is not even compiled; nullopt: it is
    std::function<std::string(const Tactic&)> source = {};             // its text; empty: make_source of its family
    std::optional<Problem> panel = {};                                 // what is proven and timed; empty: the problem itself
    Quarantine* quarantine = nullptr;                                  // null: none is kept
    std::string folder = kernel_folder();                              // of its family's sources
    bool reported = true;                                              // what the compiler reports of a kernel may refuse it
    std::shared_ptr<CompiledKernels> compiled = {};                    // of searches before; null: none
    Compiler* compiler = &compiler_here();                             // outlives the trials
    std::function<std::shared_ptr<void>(Deadline)> turn = {};          // held while the GPU is used; empty: nobody's
  };

  /// arch: as in compile(). Of the allowance it takes compile threads. prover and timer must outlive it. Rules, sources and
  /// artifacts are of the whole problem.
  Trials(const Problem& problem, std::string arch, const Allowance& allowance, Prover& prover, Timer& timer, Rules rules);
  ~Trials() override;

  /// Times all heuristics coarsely first, and gives those that come near the best of their kind.
  std::vector<Tactic> vendor_tactics(Deadline deadline) override;
  void know(const Tactic& tactic, const std::string& cubin) override;
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

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ak
