#include "proof/local_prover.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <vector>

#include "families/family.hpp"

namespace ak {
namespace {

constexpr std::int64_t kKeptCaseBytes = std::int64_t{512} << 20;
constexpr std::int64_t kLastRows = 256;  // of a whole problem, where offsets are largest
constexpr double kMostLaunchFlops = 1e14;  // of one launch over it: 0.15 s on an H200

struct Seed {
  Data data;
  Spacing spacing;
  std::uint64_t number;
};
// The last three are at the problem's own size for plans that have no other: own kernels see theirs at edge sizes.
constexpr Seed kSeeds[] = {{Data::integers, Spacing::gapped, 2}, {Data::wide, Spacing::tight, 3},
                           {Data::normal, Spacing::tight, 4},    {Data::branches, Spacing::tight, 5},
                           {Data::extremes, Spacing::tight, 6},  {Data::extremes, Spacing::gapped, 7}};
constexpr std::size_t kOwnSeeds = 3;

Proven worse(Proven a, Proven b) { return {std::max(a.error, b.error)}; }

}  // namespace

LocalProver::LocalProver(Testbed& bed) : bed_(bed), verifier_(bed.queue, bed.probe) {}

std::unique_ptr<Case> LocalProver::make_case(Data data, Spacing spacing, std::uint64_t seed) const {
  return std::make_unique<Case>(bed_.queue, bed_.probe, bed_.problem, data, spacing, seed);
}

// What is kept leaves room for the others.
void LocalProver::drop_if_large(std::unique_ptr<Case>& kept) const {
  if (kept->bytes() > std::min(kKeptCaseBytes, bed_.queue.memory().left() / 4)) kept.reset();
}

PlanPtr LocalProver::loaded(const Problem& problem, const Kernel& kernel) const {
  return load(bed_.resources, problem, kernel, &bed_.scratch);
}

Proven LocalProver::prove(const Kernel& kernel, Effort effort, Deadline deadline) {
  const Testbed::Entered entered(bed_);
  return prove(*bed_.plan(kernel), is_vendor(kernel.tactic) ? nullptr : &kernel, effort, deadline);
}

Proven LocalProver::prove(const LaunchPlan& plan, const Kernel* kernel, Effort effort, Deadline deadline) {
  if (effort == Effort::quick) {
    const Run run{&plan, &quick_case()};
    return hold(verifier_.check({&run, 1}, deadline));
  }
  Proven worst;
  static_assert(std::size(kSeeds) == std::extent_v<decltype(seed_cases_)>);
  for (std::size_t i = 0; i < (kernel ? kOwnSeeds : std::size(kSeeds)); ++i) {
    auto& kept = seed_cases_[i];
    const Seed& seed = kSeeds[i];
    if (!kept) kept = make_case(seed.data, seed.spacing, seed.number);
    const Run run{&plan, kept.get()};
    worst = worse(worst, hold(verifier_.check({&run, 1}, deadline)));
    drop_if_large(kept);
  }
  worst = worse(worst, hold(verifier_.repeat(plan, quick_case(), 3, bed_.anchor.get(), &quick_case(), deadline)));
  return kernel ? worse(worst, edges(*kernel, deadline)) : worst;
}

Proven LocalProver::edges(const Kernel& kernel, Deadline deadline) {
  edge_plans_.clear();
  std::vector<Run> runs;
  for (Problem p : edge_problems(bed_.problem, kernel.tactic)) {
    p.numerics = Numerics::fast;  // it is one kernel, whatever order is asked for
    if (refused(p, kernel.tactic)) p.m = std::min(p.m, bed_.problem.m), p.n = std::min(p.n, bed_.problem.n);
    if (refused(p, kernel.tactic)) continue;
    // The first is where the activation has its corners, and numbers theirs.
    const bool first = edge_plans_.empty();
    edge_plans_.push_back(loaded(p, kernel));
    for (const Data data : first ? std::vector{Data::branches, Data::extremes} : std::vector{Data::normal}) {
      auto& on = edge_cases_[{p.m, p.n, p.k, data}];
      if (!on)
        on = std::make_unique<Case>(bed_.queue, bed_.probe, p, data, data == Data::branches ? Spacing::tight : Spacing::gapped,
                                    5);
      runs.push_back({edge_plans_.back().get(), on.get()});
    }
  }
  return runs.empty() ? Proven{} : hold(verifier_.check(runs, deadline));
}

// Its case outlives a launch that does not end: to free its memory would be to wait.
Proven LocalProver::prove_whole(const Kernel& kernel, Deadline deadline) {
  const Testbed::Entered entered(bed_);
  const PlanPtr plan = loaded(bed_.whole, kernel);
  if (plan->workspace_bytes() > bed_.scratch_bytes) return {0, false};
  if (!whole_case_) {
    if (bed_.whole.flops() > kMostLaunchFlops) return {0, false};
    if (Case::bytes_for(bed_.whole, Spacing::tight, kLastRows) > bed_.queue.memory().left()) return {0, false};
    whole_case_ = std::make_unique<Case>(bed_.queue, bed_.probe, bed_.whole, Data::normal, Spacing::tight, 8, kLastRows);
  }
  edge_plans_.push_back(plan);
  const Run run{edge_plans_.back().get(), whole_case_.get()};
  const Proven proven = hold(verifier_.check({&run, 1}, deadline));
  drop_if_large(whole_case_);
  return proven;
}

bool LocalProver::refused(const Problem& problem, const Tactic& tactic) const {
  const Family& own = family(tactic.family);
  return own.refuses(problem, bed_.resources.facts()) || own.rejects(problem, tactic, bed_.resources.facts());
}

// Who wrote where it must not has spoilt the cases for who comes next: they are made anew.
Proven LocalProver::hold(const Verdict& verdict) {
  if (verdict.strays) {
    quick_case_.reset(), whole_case_.reset(), edge_cases_.clear();
    for (auto& one : seed_cases_) one.reset();
  }
  if (!verdict.right) throw Failed{Outcome::incorrect, verdict.why, verdict.strays};
  return {verdict.error};
}

Case& LocalProver::quick_case() {
  if (!quick_case_) quick_case_ = make_case(Data::normal, Spacing::gapped, 1);
  return *quick_case_;
}

}  // namespace ak
