// Testbed: where kernels of one problem are proven and timed on the current context's GPU, and what both of it share.
#pragma once

#include <unordered_map>

#include "base/hash.hpp"
#include "core/allowance.hpp"
#include "gpu/gpu_queue.hpp"
#include "plan/plan.hpp"
#include "plan/workspace.hpp"
#include "proof/probe.hpp"
#include "proof/prover.hpp"

namespace ak {

/// The plan of a compiled kernel for a problem of the structure it was made for, whatever its sizes. scratch: null: the
/// resources' own, and the kernel stays loaded.
PlanPtr load(Resources& resources, const Problem& problem, const Kernel& kernel, Workspaces* scratch = nullptr);

struct Testbed {
  /// problem: what is proven and timed, a panel of `whole` or that itself. In the current context, which is the resources'. Of
  /// the allowance, which is this process's, it takes device memory; nothing yet.
  Testbed(const Problem& problem, const Problem& whole, Resources& resources, const Allowance& allowance);

  /// While it lives, this thread works in the testbed's context and disturbs no capture that runs elsewhere. Throws
  /// Failed where the context was lost, or where a kernel of an earlier trial is still running.
  class Entered {
   public:
    explicit Entered(Testbed& bed);

   private:
    const ContextScope scope_;
    const RelaxedCapture relaxed_;
  };

  /// The kernel's plan for the problem, loaded once and kept: a module is not unloaded under a kernel that hangs. Throws
  /// Error{driver}, and Failed for one of cuBLASLt's that was not kept.
  PlanPtr plan(const Kernel& kernel);
  void keep(PlanPtr plan);
  /// Null where there is none.
  PlanPtr kept(const Tactic& tactic) const;

  const Problem problem, whole;
  Resources& resources;
  const Probe probe;
  const std::int64_t scratch_bytes;
  Workspaces scratch;  // of the plans that are tried; given back with the testbed
  GpuQueue queue;
  PlanPtr anchor;  // cuBLASLt's best for the problem, once it is known

 private:
  struct Loaded {
    Digest cubin;
    PlanPtr plan;
  };
  std::unordered_map<Tactic, Loaded, TacticHash> plans_;
};

}  // namespace ak
