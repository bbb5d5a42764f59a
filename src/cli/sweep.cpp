#include "recording/sweep.hpp"

#include <fmt/format.h>

#include "base/terminal.hpp"
#include "cli/cli.hpp"
#include "cli/given_problems.hpp"
#include "cli/progress.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "gpu/device.hpp"
#include "machine/gpu.hpp"

namespace ak::cli {
namespace {

struct SweepState {
  GivenProblems given;
  std::string into = ".";
  SweepBudget budget;
};

// True when the recording is whole.
bool sweep_one(const Problem& problem, const SweepState& state, const Settings& settings, Machine& machine, ProgressBar& bar) {
  std::vector<Tactic> tactics;
  const Space space = machine.space(problem);
  for (const RankedTactic& ranked : space.tactics) tactics.push_back(ranked.tactic);
  Tactic vendor;
  vendor.family = FamilyId::vendor;
  const std::string cublaslt = machine.provenance(problem, vendor, true).cublaslt;
  RecordingWriter writer(state.into, make_header(problem, machine.device(), tactics, driver_version(), cublaslt));
  const auto runner = machine.runner(problem, allowance_of(settings, machine));
  double best_us = 0;
  const std::string path = sweep(tactics, *runner, writer, state.budget, [&](const SweepProgress& p) {
    if (p.trial->correct() && (best_us == 0 || p.trial->us < best_us)) best_us = p.trial->us;
    bar.update(p.total ? static_cast<double>(p.done) / p.total : 0,
               fmt::format("{}/{}  {:.0f} s  best {}  {}", p.done, p.total, p.elapsed_s, shown_us(best_us),
                           to_string(p.trial->tactic)));
  });
  bar.clear();
  if (path.empty())
    fmt::print("{}: stopped after {}; the same command resumes\n", to_string(problem), counted(writer.size(), "tactic"));
  else
    fmt::print("{}: {}, best {}: {}\n", to_string(problem), counted(writer.size(), "tactic"), shown_us(best_us), path);
  return !path.empty();
}

int run(const SweepState& state) {
  int code = kOk;
  const std::vector<Problem> problems = state.given.read(code);
  const Settings settings = resolve({});
  const auto machine = make_gpu_machine(gpu_options(settings));
  ProgressBar bar;
  for (const Problem& problem : problems) {
    try {
      if (!sweep_one(problem, state, settings, *machine, bar)) code = kFailed;
    } catch (const Error& error) {
      end_unless_others_follow(error, problems.size());
      bar.line(fmt::format("{}: {}", to_string(problem), printable(error.what())));
      code = kFailed;
    }
  }
  return code;
}

}  // namespace

void add_sweep(Program& program) {
  auto state = std::make_shared<SweepState>();
  Command command =
      program.add_command("sweep", "Run a problem's whole space, or an even sample of it, and record every trial");
  state->given.add_to(command);
  command.option("--into", state->into, "folder of the recordings; an unfinished one there is resumed").shows_default();
  command.option("--most", state->budget.most, "own tactics to run at most, the cheapest and an even sample of the rest")
      .shows_default();
  command.option("--seconds", state->budget.seconds, "per problem; what is left undone is done by the next run")
      .seconds_above_zero();
  command.option("--trial-seconds", state->budget.trial_s, "of one trial, its compile included")
      .seconds_above_zero()
      .shows_default();
  command.footer("Exits with 1 while a recording is unfinished: run it again.");
  command.on_run([state] { return run(*state); });
}

}  // namespace ak::cli
