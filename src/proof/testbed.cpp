#include "proof/testbed.hpp"

#include <utility>

#include "families/family.hpp"
#include "plan/kernel_plan.hpp"

namespace ak {
namespace {

constexpr double kPatience = 1;  // seconds for a kernel that outlasted its trial

}  // namespace

PlanPtr load(Resources& resources, const Problem& problem, const Kernel& kernel, Workspaces* scratch) {
  const Family& own = family(kernel.tactic.family);
  auto module = scratch ? load_module(resources, kernel.cubin.data()) : resources.module(kernel.cubin);
  return std::make_shared<KernelPlan>(resources, std::move(module), problem, kernel.tactic,
                                      own.geometry(problem, kernel.tactic, resources.facts()), scratch);
}

Testbed::Testbed(const Problem& problem, const Problem& whole, Resources& resources, const Allowance& allowance)
    : problem(problem),
      whole(whole),
      resources(resources),
      probe(resources),
      scratch_bytes(allowance.scratch()),
      scratch(resources.context(), scratch_bytes, Workspaces::Graphs::in_turn),
      queue(DeviceShare(allowance.operands())) {}

Testbed::Entered::Entered(Testbed& bed) : scope_(bed.resources.context()) {
  if (!bed.queue.fault().empty()) throw Failed{Outcome::runtime, "the GPU context was lost before: " + bed.queue.fault()};
  if (!bed.queue.settle(kPatience)) throw Failed{Outcome::timeout, "an earlier kernel is still running"};
}

PlanPtr Testbed::plan(const Kernel& kernel) {
  const Digest cubin = digest(kernel.cubin);
  const auto at = plans_.find(kernel.tactic);
  if (at != plans_.end() && at->second.cubin == cubin) return at->second.plan;
  if (is_vendor(kernel.tactic)) throw Failed{Outcome::constraints, "cuBLASLt offers no such algorithm"};
  return plans_.insert_or_assign(kernel.tactic, Loaded{cubin, load(resources, problem, kernel, &scratch)}).first->second.plan;
}

void Testbed::keep(PlanPtr plan) {
  const Tactic tactic = plan->tactic();
  plans_.insert_or_assign(tactic, Loaded{digest({}), std::move(plan)});
}

PlanPtr Testbed::kept(const Tactic& tactic) const {
  const auto at = plans_.find(tactic);
  return at == plans_.end() ? nullptr : at->second.plan;
}

}  // namespace ak
