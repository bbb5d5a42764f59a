// Prover: whether a compiled kernel of a problem is right. It knows nothing of compiling and timing, and takes plain values, so
// that it may work in another process.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/trial.hpp"
#include "proof/verify.hpp"

namespace ak {

/// An own kernel as it was compiled.
struct Kernel {
  const Tactic& tactic;
  std::string_view cubin;
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

/// The plan of a compiled kernel for a problem of the structure it was made for, whatever its sizes.
PlanPtr load(Resources& resources, const Problem& problem, const Kernel& kernel);

/// Proves in this process, on the lane's GPU.
class LocalProver : public Prover {
 public:
  /// problem: a panel of `whole`, or that itself. All others must outlive it. Device memory is allocated by the first proof,
  /// and kept for the next.
  LocalProver(const Problem& problem, const Problem& whole, Resources& resources, Lane& lane, const Probe& probe);

  Proven prove(const Kernel& kernel, Effort effort, Deadline deadline) override;
  Proven prove_whole(const Kernel& kernel, Deadline deadline) override;
  /// The same of a plan that is loaded already; edge sizes are looked at where its kernel is given, the data of
  /// edge sizes at the problem's own size where not.
  Proven prove(const Plan& plan, const Kernel* kernel, Effort effort, Deadline deadline);
  /// The plan to launch between the launches of a repeat; none until then.
  void alternate_with(PlanPtr other) { other_ = std::move(other); }

  Verifier& verifier() { return verifier_; }
  /// Of device memory that its cases held at most.
  std::int64_t peak_bytes() const { return peak_; }

 private:
  Case& quick_case();
  Proven hold(const Verdict& verdict);
  void note_memory();
  Proven edges(const Kernel& kernel, Deadline deadline);
  bool refused(const Problem& problem, const Tactic& tactic) const;

  const Problem problem_, whole_;
  Resources& resources_;
  Lane& lane_;
  const Probe& probe_;
  Verifier verifier_;
  PlanPtr other_;
  // Of the proof under way or the last one: a module is not unloaded under a kernel that hangs.
  PlanPtr plan_;
  std::vector<PlanPtr> edge_plans_;
  std::unique_ptr<Case> quick_case_, whole_case_, seed_cases_[6];
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, Data>, std::unique_ptr<Case>> edge_cases_;
  std::int64_t peak_ = 0;
};

}  // namespace ak
