#include "port/llm/kernel_facts.hpp"

#include <algorithm>

#include "port/candidates.hpp"
#include "port/cases/pinned.hpp"
#include "port/llm/excerpt.hpp"

namespace ak::port {

namespace {

// What a template associates anew, a model may too; a real sum or product anywhere.
bool associates_anew(const loop::Verdict& verdict, const std::vector<loop::Candidate>& candidates) {
  const auto rounds = [](const std::string& op) { return op.empty() || op == "+" || op == "*"; };
  return std::ranges::any_of(candidates, [](const loop::Candidate& candidate) { return !candidate.same_bits; }) ||
         std::ranges::any_of(verdict.groups, [&](const loop::Group& group) {
           return std::ranges::any_of(group.reductions,
                                      [&](const loop::Reduction& one) { return is_real(one.target.type) && rounds(one.op); });
         });
}

}  // namespace

KernelFacts kernel_facts(const PortRequest& request, PromptArm arm, Deadline deadline) {
  KernelFacts facts;
  facts.verdict = request.verdict, facts.call = request.call;
  facts.text = excerpt(request.source), facts.region = !request.source.body.empty();
  const std::vector<loop::Candidate> candidates = candidates_in(request.verdict, request.call);
  facts.same_bits = !associates_anew(request.verdict, candidates);
  if (arm == PromptArm::skeleton)
    facts.skeletons = skeletons_for(candidates[0].template_name, request.verdict.function, request.tools, deadline);
  return facts;
}

}  // namespace ak::port
