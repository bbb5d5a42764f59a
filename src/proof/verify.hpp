// Verify: a wrong kernel must never win. A case is an instance of a problem whose right answer is known; a kernel is run on
// cases and everything it left behind is looked at: D and aux against their bounds, the guards around them, the inputs, the
// bits of a second run.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tactic.hpp"
#include "core/trial.hpp"
#include "gpu/gpu_queue.hpp"
#include "plan/plan.hpp"
#include "proof/layout.hpp"
#include "proof/probe.hpp"
#include "proof/prover.hpp"

namespace ak {

/// What the inputs hold. `normal`: the linear part has a standard deviation near 2, where activations bend; `wide`: near 24,
/// into their tails and f16's overflow of squares; `integers`: -1, 0 and 1, so that f32 sums are exact in any order;
/// `branches`: every sum has one term, exact, which is where an activation changes its form or a neighbour of that, or large;
/// `extremes`: the same with products beyond f16 that bias, C, scales or alpha bring back, denormals, zeros of both signs,
/// infinities and NaN in A, B, C and bias.
enum class Data { normal, wide, integers, branches, extremes };

/// Inputs in device memory with their reference. The memory around the inputs is NaN: a kernel that uses what it must not read
/// shows it in D.
class Case {
 public:
  /// Of device memory that a case takes. last_rows: as below.
  static std::int64_t bytes_for(const Problem& problem, Spacing spacing, std::int64_t last_rows = 0);
  /// Allocates and enqueues the filling and the reference. Throws Error{out_of_memory}, before anything is allocated where
  /// too little is free. last_rows: of a problem whose reference would take too long only so many are looked at, though all
  /// are launched; 0: all.
  Case(const GpuQueue& queue, const Probe& probe, const Problem& problem, Data data, Spacing spacing, std::uint64_t seed,
       std::int64_t last_rows = 0);
  /// The same in memory that the caller owns and has laid out and filled: only the reference is made.
  Case(const GpuQueue& queue, const Probe& probe, const Problem& problem, const Layout& layout, std::uint64_t base,
       const CallArgs& args);

  const Problem problem;  // of the rows that are looked at
  const Layout layout;    // of all
  CallArgs launched;      // all, as a plan gets them
  CallArgs args;          // those that are looked at
  std::uint64_t base = 0;
  ReferenceView reference;
  Tolerance tolerance;
  std::uint64_t input_hash = 0;  // known once trusted
  bool trusted = false;          // a sample of the reference agreed with double precision

  std::int64_t bytes() const { return static_cast<std::int64_t>(memory_.bytes() + reference_.bytes()); }

 private:
  void refer(const GpuQueue& queue, const Probe& probe);

  DeviceShare::Taken memory_, reference_;
};

/// Scalars that a kernel cannot ignore unseen, and the scales of the inputs.
void fill_inputs(const GpuQueue& queue, const Probe& probe, const Problem& problem, const Layout& layout, std::uint64_t base,
                 Data data, std::uint64_t seed, CallArgs& args);

struct Verdict {
  bool right = true;
  bool strays = false;  // it wrote outside D and aux
  std::string why;      // one line when not
  double error = 0;     // the worst element's error over its bound
};

struct Run {
  const LaunchPlan* plan;
  Case* on;
};

class Verifier {
 public:
  /// At most this many runs in one check.
  static constexpr std::size_t kRuns = 16;

  Verifier(GpuQueue& queue, const Probe& probe);

  /// Waits for the case's reference, samples it in double precision and takes the hash of its inputs. check() does so itself.
  void trust(Case& on, Deadline deadline);

  /// Each run once on poisoned D and aux: bound, guards, inputs. The first failure is told. Throws TimedOut, Error{driver}.
  Verdict check(std::span<const Run> runs, Deadline deadline);

  /// Holds what is in the trusted case's D now (poisoned with kPoison before it was written) to the reference: for outputs of a
  /// timed loop of the tactic.
  Verdict inspect(Case& on, const Tactic& tactic, Deadline deadline);

  /// `times` launches on fresh poison must give equal bits; `other`, when given, is launched between them.
  Verdict repeat(const LaunchPlan& plan, Case& on, int times, const LaunchPlan* other, Case* other_on, Deadline deadline);

  /// When a plan was last launched.
  Clock::time_point launched() const { return launched_; }

  static constexpr std::uint64_t kPoison = 0x5eed;

 private:
  void begin(std::size_t slots);
  std::span<const Finding> finish(std::size_t slots, Deadline deadline);
  Verdict judge(const Finding& finding, const Case& on, Deadline deadline);
  void launch(const LaunchPlan& plan, const Case& on);

  GpuQueue& queue_;
  const Probe& probe_;
  DeviceShare::Taken device_;
  std::unique_ptr<Finding[], void (*)(Finding*)> host_;  // pinned: kRuns fresh ones, then kRuns as read back
  DeviceShare::Taken spare_;
  Clock::time_point launched_;
};

/// With what a plan of this tactic may lose besides: cuBLASLt's own epilogues may round in other places, and its gelu cancels.
Tolerance tolerance_for(const Tactic& tactic, const Problem& problem, Tolerance tolerance);

/// Small sizes at which tilings go wrong: one more and one less than the tile, 1, primes, k tails. Same structure, so the
/// same cubin.
std::vector<Problem> edge_problems(const Problem& problem, const Tactic& tactic);

}  // namespace ak
