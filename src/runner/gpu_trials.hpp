// GpuTrials: trials on the current context's GPU: proven by another prover or here, timed here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "plan/resources.hpp"
#include "proof/local_prover.hpp"
#include "runner/isolated_prover.hpp"
#include "runner/paired_timer.hpp"
#include "runner/trials.hpp"

namespace ak {

/// What trials on a GPU are joined from.
struct GpuParts {
  GpuParts(const Problem& problem, const Problem& panel, Resources& resources, const Allowance& allowance,
           std::unique_ptr<Prover> elsewhere, bool reviewed);
  Testbed bed;
  LocalProver local;
  IsolatedProver prover;
  PairedTimer timer;
};

/// Plans, cases and sets are of a panel of the problem; times are those of the panel in proportion to the whole problem's rows.
class GpuTrials final : private GpuParts, public Trials {
 public:
  struct Options {
    std::function<std::string(const Tactic&)> source;  // the text of a tactic; empty: make_source of its family
    Allowance allowance = {};                          // device memory of this process, and threads
    std::unique_ptr<Prover> prover;                    // of own kernels, for the panel; null: this process proves
    std::optional<Problem> panel = {};                 // what is proven and timed; empty: search_panel() of the allowance
    Quarantine* quarantine = nullptr;                  // null: none is kept
    std::string folder = kernel_folder();              // of the families' sources
    std::shared_ptr<CompiledKernels> compiled = {};    // of searches before
    Compiler* compiler = &compiler_here();             // as Rules::compiler
    std::function<std::shared_ptr<void>(Deadline)> turn = {};  // as Rules::turn
    bool reviewed = true;  // the sources are the library's own: where the prover is not to be had, this process proves
  };

  /// The problem has m, n, k >= 1. The resources are those of the current context. Operands are allocated when they are needed.
  GpuTrials(const Problem& problem, Resources& resources, Options options);
  GpuTrials(const Problem& problem, Resources& resources) : GpuTrials(problem, resources, Options{}) {}
  ~GpuTrials() override;

  std::int64_t peak_bytes() const override { return bed.queue.memory().peak() + bed.scratch.held_bytes(); }
  /// cuBLASLt's ways as plans; empty where they cannot be timed.
  VendorArms vendor_arms();
  /// Plans of the panel in one window. Throws Error{driver} where they cannot be timed.
  Medians time(std::span<const LaunchPlan* const> plans, int rounds, double graph_us, Deadline deadline);
  /// The plan, for the panel, of a tactic that was tried; null otherwise.
  PlanPtr plan(const Tactic& tactic) const { return bed.kept(tactic); }
  /// What lost the GPU context; empty while it works. Every later trial is Outcome::runtime.
  std::string fault() { return bed.queue.fault(); }

 private:
  GpuTrials(const Problem& problem, const Problem& panel, Resources& resources, Options&& options);
};

}  // namespace ak
