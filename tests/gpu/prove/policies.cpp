// What numeric policies cost: for each of a suite's rows the winners of a search under each policy, and cuBLASLt's best, in one
// window of interleaved arms. Rows go to a CSV as they come, which a killed run continues.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/csv.hpp"
#include "context/common.hpp"
#include "machine/gpu.hpp"
#include "prove/csv_rows.hpp"
#include "prove/prove.hpp"
#include "prove/suite.hpp"
#include "runner/gpu_trials.hpp"
#include "search/proposers.hpp"
#include "settings.hpp"
#include "tune/tuner.hpp"

namespace ak::proof {
namespace {

constexpr int kPolicyRounds = 15;
constexpr double kPolicyGraphUs = 1500;
constexpr Numerics kPolicies[] = {Numerics::deterministic, Numerics::batch_invariant,
                                  Numerics::fast};  // fast's runner times all

std::string compare(Machine& machine, const Allowance& allowance, const Problem& problem, const std::string& kind) {
  std::vector<PlanPtr> plans;
  std::vector<std::string> tactics;
  std::unique_ptr<Runner> runner;
  machine.warm_up(problem);
  for (const Numerics policy : kPolicies) {
    Problem p = problem;
    p.numerics = policy;
    runner.reset(), runner = machine.runner(p, allowance);
    std::vector<std::unique_ptr<Proposer>> proposers;
    for (const auto which : {"local", "offline"}) proposers.push_back(make_proposer(which));
    const Tuned tuned = tune(p, machine.device(), machine.space(p), *runner, std::move(proposers), allowance);
    if (!tuned.winner) throw Error(ErrorCode::unsupported, tuned.note);
    PlanRecord record;
    record.problem = p, record.hardware = machine.hardware();
    record.tactic = tuned.winner->tactic, record.vendor_algo = tuned.artifact.vendor_algo;
    plans.push_back(machine.load(record, tuned.artifact.cubin));
    tactics.push_back(to_string(record.tactic));
  }
  auto& trials = static_cast<GpuTrials&>(*runner);
  const auto lt = trials.vendor_arms();
  for (const PlanPtr& plan : {lt.fused, lt.separate})
    if (plan) plans.push_back(plan);
  std::vector<const LaunchPlan*> arms;
  for (const PlanPtr& plan : plans) arms.push_back(plan.get());
  const Medians timing = trials.time(arms, kPolicyRounds, kPolicyGraphUs, Deadline::in(20));
  // Of two timings of one kernel the difference is noise.
  std::vector<double> us(timing.us.begin(), timing.us.begin() + 3);
  for (std::size_t i = 0; i < us.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (tactics[i] == tactics[j]) us[i] = us[j];
  double vendor = is_vendor(plans[2]->tactic()) ? us[2] : INFINITY;
  for (std::size_t i = 3; i < timing.us.size(); ++i) vendor = std::min(vendor, timing.us[i]);
  if (!(vendor < INFINITY)) vendor = 0;  // it has no way
  return fmt::format("{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.0f},{},{},{}", csv_field(to_string(problem)), kind, us[2], us[0],
                     us[1], vendor, timing.clock_mhz, csv_field(tactics[2]), csv_field(tactics[0]), csv_field(tactics[1]));
}

}  // namespace

int compare_policies(const Settings& settings) {
  const auto start = Clock::now();
  CsvRows csv(settings.progress, kPolicyHeader, settings.resume);
  const auto library = resolve({});
  const auto machine = make_gpu_machine(gpu_options(library));
  Allowance allowance = allowance_of(library, *machine);
  allowance.seconds = settings.budget_s;
  std::vector<std::string> problems, kinds;
  std::size_t index = 0;
  for (const std::string& path : settings.suites)
    for (const SuiteRow& row : read_suite(path))
      if (row_wanted(settings.rows, index++, row.kind)) {
        problems.push_back(to_string(row.problem(row.activation.value_or(Activation::relu))));
        kinds.push_back(row.kind);
      }
  return csv.complete(
      problems, start, settings.seconds,
      [&](std::size_t i) { return compare(*machine, allowance, parse_problem(problems[i]), kinds[i]); },
      [&] { return fmt::format("\n{}\n", policy_table(csv.rows())); });
}

}  // namespace ak::proof
