// A kind of work as ak-worker proves it. What is computed and how an image is launched are texts in the words of the kind; the
// GEMM is one (gemm.hpp).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "core/allowance.hpp"
#include "gpu/gpu_queue.hpp"
#include "proof/prover.hpp"
#include "worker/messages.hpp"

namespace ak {

/// The proofs of one subject: what they have in common, operands and references say, is kept from one to the next.
class ProofSession {
 public:
  virtual ~ProofSession() = default;
  /// Of the request's launch and image. Throws Failed, TimedOut, Error{driver | out_of_memory}.
  virtual Proven prove(const ProofRequest& request, Deadline deadline) = 0;
  /// Where its kernels run: waited for when one does not end.
  virtual GpuQueue& queue() = 0;
  /// When it launched a kernel last: what is lost before that is not the kernel's fault.
  virtual Clock::time_point launched() const = 0;
};

struct WorkKind {
  std::string_view tag;
  /// In the worker's context; of the allowance it takes device memory. Throws Error for a subject that it cannot read.
  std::unique_ptr<ProofSession> (*open)(const std::string& subject, const Allowance& allowance);
};

}  // namespace ak
