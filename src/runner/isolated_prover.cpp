#include "runner/isolated_prover.hpp"

#include <fmt/format.h>

#include "base/log.hpp"

namespace ak {

template <class Ask>
Proven IsolatedProver::ask(const Kernel& kernel, Ask&& ask) {
  try {
    if (there_ && !is_vendor(kernel.tactic)) return ask(*there_);
  } catch (const Unavailable& absent) {
    if (!reviewed_)
      throw Failed{Outcome::constraints,
                   fmt::format("sources of AK_KERNEL_DIR are launched in a worker only, or with AK_ISOLATION=in_process: {}",
                               absent.why)};
    warn_once(fmt::format("new kernels are launched in this process first: {}", absent.why));
    there_.reset();
  }
  return ask(here_);
}

Proven IsolatedProver::prove(const Kernel& kernel, Effort effort, Deadline deadline) {
  return ask(kernel, [&](Prover& prover) { return prover.prove(kernel, effort, deadline); });
}

Proven IsolatedProver::prove_whole(const Kernel& kernel, Deadline deadline) {
  return ask(kernel, [&](Prover& prover) { return prover.prove_whole(kernel, deadline); });
}

}  // namespace ak
