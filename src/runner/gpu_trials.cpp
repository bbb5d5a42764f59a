#include "runner/gpu_trials.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "families/family.hpp"
#include "proof/panel.hpp"

namespace ak {
namespace {

// By the rules of its family, and for the scratch it takes: it is launched both by itself and from a graph, which keeps its
// own.
std::optional<std::string> refusal(const Problem& problem, const Problem& panel, const Tactic& tactic, const DeviceFacts& facts,
                                   std::int64_t scratch) {
  const Family& own = family(tactic.family);
  for (const Problem* of : {&problem, &panel}) {
    if (auto why = own.refuses(*of, facts)) return why;
    if (auto why = own.rejects(*of, tactic, facts)) return why;
    if (panel == problem) break;
  }
  const std::int64_t takes = own.geometry(panel, tactic, facts).workspace_bytes;
  if (takes <= scratch / 2) return std::nullopt;
  return fmt::format("takes {} bytes of scratch memory of {} that a launch may", takes, scratch / 2);
}

}  // namespace

GpuParts::GpuParts(const Problem& problem, const Problem& panel, Resources& resources, const Allowance& allowance,
                   std::unique_ptr<Prover> elsewhere, bool reviewed)
    : bed(panel, problem, resources, allowance),
      local(bed),
      prover(std::move(elsewhere), local, reviewed),
      timer(bed, local.verifier(), allowance.duty < 1 ? GpuFor::others_too : GpuFor::this_alone) {}

GpuTrials::GpuTrials(const Problem& problem, Resources& resources, Options options)
    : GpuTrials(problem, options.panel ? *options.panel : search_panel(problem, options.allowance.operands()), resources,
                std::move(options)) {}

GpuTrials::GpuTrials(const Problem& problem, const Problem& panel, Resources& resources, Options&& options)
    : GpuParts(problem, panel, resources, options.allowance, std::move(options.prover), options.reviewed),
      Trials(problem, resources.facts().arch(), options.allowance, prover, timer,
             {.refuses = [problem, panel, &facts = resources.facts(), scratch = bed.scratch_bytes](
                             const Tactic& tactic) { return refusal(problem, panel, tactic, facts, scratch); },
              .source = std::move(options.source),
              .panel = panel,
              .quarantine = options.quarantine,
              .folder = std::move(options.folder),
              .compiled = std::move(options.compiled),
              .compiler = options.compiler,
              .turn = std::move(options.turn)}) {}

GpuTrials::~GpuTrials() {
  log(LogLevel::info, "{}: its trials took {} bytes of device memory at their peak", to_string(bed.whole), peak_bytes());
}

VendorArms GpuTrials::vendor_arms() {
  try {
    return timer.arms(Deadline::in(5));
  } catch (const Failed&) {
  } catch (const TimedOut&) {
  } catch (const Error&) {
  }
  return {};
}

Medians GpuTrials::time(std::span<const LaunchPlan* const> plans, int rounds, double graph_us, Deadline deadline) {
  try {
    return timer.time(plans, rounds, graph_us, deadline);
  } catch (const Failed& failed) {
    throw Error(ErrorCode::driver, failed.why);
  } catch (const TimedOut&) {
    throw Error(ErrorCode::driver, "did not end in time");
  }
}

}  // namespace ak
