// IsolatedProver: own kernels are proven in another process, and in this one what cannot be.
#pragma once

#include <memory>

#include "proof/prover.hpp"

namespace ak {

class IsolatedProver : public Prover {
 public:
  /// there: null: none. here: proves cuBLASLt's ways, and where the other prover is not to be had own kernels too, if they are
  /// reviewed, which is said once in the log; must outlive this.
  IsolatedProver(std::unique_ptr<Prover> there, Prover& here, bool reviewed)
      : there_(std::move(there)), here_(here), reviewed_(reviewed) {}

  Proven prove(const Kernel& kernel, Effort effort, Deadline deadline) override;
  Proven prove_whole(const Kernel& kernel, Deadline deadline) override;

 private:
  template <class Ask>
  Proven ask(const Kernel& kernel, Ask&& ask);

  std::unique_ptr<Prover> there_;
  Prover& here_;
  const bool reviewed_;
};

}  // namespace ak
