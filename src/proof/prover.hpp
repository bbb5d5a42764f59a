// Prover: whether a compiled kernel of a problem is right. It knows nothing of compiling and timing, and takes plain values: a
// proof is made in this process, by a worker, or answered from a recording.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "core/trial.hpp"

namespace ak {

/// A tactic with what it was compiled to; no cubin of cuBLASLt's.
struct Kernel {
  const Tactic& tactic;
  std::string_view cubin;
};

/// Ends a trial early: what became of it and why, in one line.
struct Failed {
  Outcome outcome;
  std::string why;
  bool harms = false;  // the kernel faults, hangs or writes where it must not: it is never to run again
};

/// What a proof found out besides that the kernel is right.
struct Proven {
  double error = 0;   // of the worst element, over its bound
  bool whole = true;  // false, of prove_whole(): too large to be launched
};

/// Thrown where a proof cannot be made at all: the worker is not to be had.
struct Unavailable {
  std::string why;
};

class Prover {
 public:
  virtual ~Prover() = default;
  /// Effort::quick: one case. Effort::full: all the others, of a kernel that passed the quick one. Throws Failed, TimedOut,
  /// Unavailable, Error{driver | out_of_memory}.
  virtual Proven prove(const Kernel& kernel, Effort effort, Deadline deadline) = 0;
  /// Of a kernel that is right on a panel: launched once over the whole problem, where memory and time allow (Proven::whole),
  /// and held to a reference in its last rows.
  virtual Proven prove_whole(const Kernel& kernel, Deadline deadline) = 0;
};

}  // namespace ak
