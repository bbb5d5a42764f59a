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
#include "proof/testbed.hpp"
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

/// The plan of a compiled kernel for a problem of the structure it was made for, whatever its sizes. scratch: null: the
/// resources' own.
PlanPtr load(Resources& resources, const Problem& problem, const Kernel& kernel, Workspaces* scratch = nullptr);

/// Proves in this process, on the testbed's GPU.
class LocalProver : public Prover {
 public:
  /// The testbed must outlive it. Device memory is allocated by the first proof, and kept for the next.
  explicit LocalProver(Testbed& bed);

  Proven prove(const Kernel& kernel, Effort effort, Deadline deadline) override;
  Proven prove_whole(const Kernel& kernel, Deadline deadline) override;
  /// The same of a plan that is loaded already; edge sizes are looked at where its kernel is given, the data of
  /// edge sizes at the problem's own size where not.
  Proven prove(const Plan& plan, const Kernel* kernel, Effort effort, Deadline deadline);
  /// The plan to launch between the launches of a repeat; none until then.
  void alternate_with(PlanPtr other) { other_ = std::move(other); }

  Verifier& verifier() { return verifier_; }

 private:
  std::unique_ptr<Case> make_case(Data data, Spacing spacing, std::uint64_t seed) const;
  Case& quick_case();
  void drop_if_large(std::unique_ptr<Case>& kept) const;
  Proven hold(const Verdict& verdict);
  PlanPtr loaded(const Problem& problem, const Kernel& kernel) const;
  Proven edges(const Kernel& kernel, Deadline deadline);
  bool refused(const Problem& problem, const Tactic& tactic) const;

  Testbed& bed_;
  Verifier verifier_;
  PlanPtr other_;
  // Of the proof under way or the last one: a module is not unloaded under a kernel that hangs.
  PlanPtr plan_;
  std::vector<PlanPtr> edge_plans_;
  std::unique_ptr<Case> quick_case_, whole_case_, seed_cases_[6];
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, Data>, std::unique_ptr<Case>> edge_cases_;
};

}  // namespace ak
