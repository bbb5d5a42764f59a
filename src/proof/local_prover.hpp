// LocalProver: proves in this process, on the testbed's GPU.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "proof/prover.hpp"
#include "proof/testbed.hpp"
#include "proof/verify.hpp"

namespace ak {

class LocalProver : public Prover {
 public:
  /// The testbed must outlive it. Device memory is allocated by the first proof, and kept for the next.
  explicit LocalProver(Testbed& bed);

  Proven prove(const Kernel& kernel, Effort effort, Deadline deadline) override;
  Proven prove_whole(const Kernel& kernel, Deadline deadline) override;
  /// The same of a plan that is loaded already; edge sizes are looked at where its kernel is given, the data of
  /// edge sizes at the problem's own size where not.
  Proven prove(const LaunchPlan& plan, const Kernel* kernel, Effort effort, Deadline deadline);

  Verifier& verifier() { return verifier_; }
  /// When a kernel was launched last.
  Clock::time_point launched() const { return verifier_.launched(); }

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
  std::vector<PlanPtr> edge_plans_;  // of the last proof: as the testbed's, they outlive a launch that does not end
  std::unique_ptr<Case> quick_case_, whole_case_, seed_cases_[6];
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, Data>, std::unique_ptr<Case>> edge_cases_;
};

}  // namespace ak
