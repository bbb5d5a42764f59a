// The GEMM's proofs in the worker, both ends: its subject is a problem or a panel of one, a launch its tactic.
#pragma once

#include <string>

#include "core/allowance.hpp"
#include "core/problem.hpp"
#include "proof/prover.hpp"
#include "worker/kind.hpp"
#include "worker/worker.hpp"

namespace ak {

/// As the worker's program knows it.
WorkKind gemm_kind();

/// A problem's proofs, or those of a panel of `whole`, through a worker, which must outlive it. Of the allowance, which is the
/// worker's, that takes device memory; it is given back with the prover.
class WorkerProver : public Prover {
 public:
  WorkerProver(const Problem& problem, const Problem& whole, Worker& worker, const Allowance& allowance);
  ~WorkerProver() override { worker_.close(); }
  Proven prove(const Kernel& kernel, Effort effort, Deadline deadline) override;
  Proven prove_whole(const Kernel& kernel, Deadline deadline) override;

 private:
  Proven ask(ProofRequest request, const Kernel& kernel, Deadline deadline);

  const std::string subject_;
  Worker& worker_;
  const Allowance allowance_;
};

}  // namespace ak
