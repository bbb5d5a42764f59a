// Timer: how fast kernels of a problem are beside cuBLASLt's best. It knows nothing of compiling and proving, and takes plain
// values: times are taken in this process, or answered from a recording.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "core/trial.hpp"
#include "proof/prover.hpp"

namespace ak {

struct VendorTimes {
  double best_us = 0;      // min over fused and separate: the baseline that counts; 0 when there is no vendor
  double first_us = 0;     // first heuristic, plain GEMM (gated: and our pass)
  double gemm_us = 0;      // best plain GEMM; 0 when gated
  double fused_us = 0;     // best fused epilogue; 0 where cuBLASLt has no such epilogue
  double separate_us = 0;  // first heuristic + our pass
};

/// All times are of the whole problem. Kernels are not retained beyond a call, what was made of them may be.
class Timer {
 public:
  virtual ~Timer() = default;

  /// cuBLASLt's ways that are worth a trial, fastest first; timed with the first call. Throws TimedOut, Error.
  virtual std::vector<Tactic> vendor_tactics(Deadline deadline) = 0;
  virtual VendorTimes vendor() const = 0;
  /// cuBLASLt's algorithm, for a record, of a tactic that was loaded; empty where it is not known.
  virtual std::string vendor_algo(const Tactic& tactic) const = 0;

  /// Makes it ready to be proven and timed and fills in what that tells of it: shared memory. Throws Failed for one that cannot
  /// be, Error.
  virtual void load(const Kernel& kernel, Trial& trial, Deadline deadline) = 0;
  /// Of a loaded one that is right: fills in us and ratio, at full effort final_timing. Throws Failed, TimedOut, Error.
  virtual void time(const Kernel& kernel, Effort effort, Trial& trial, Deadline deadline) = 0;
  /// The last few in one window, the vendor's best among them; a trial each.
  virtual void time_finals(std::span<const Kernel> kernels, std::span<Trial* const> trials, Deadline deadline) = 0;

  /// Of the vendor anchor between the first window and the last, as a fraction (0.05 = 5 %).
  virtual double drift() const = 0;
};

}  // namespace ak
