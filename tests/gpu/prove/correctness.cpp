// Every family's kernels against the reference, on seeded cases that cover what can occur together.
#include <fmt/format.h>

#include <atomic>
#include <mutex>

#include "base/cores.hpp"
#include "prove/prove.hpp"
#include "runner/gpu_trials.hpp"

namespace ak::proof {

Step prove_case(const ProofCase& c, Resources& resources, Effort effort, bool* lost) {
  Step step;
  step.id = fmt::format("case {}", c.id);
  step.group = name(c.family);
  step.note = "no tactic compiles without spilling";
  const auto tactics = drawn_tactics(c, resources.facts(), 6);
  if (tactics.empty()) step.note = "no tactic fits";
  GpuTrials::Options options;
  options.allowance.compile_threads = 1;
  GpuTrials runner(c.problem, resources, std::move(options));
  for (const Tactic& tactic : tactics) {
    double error = 0;
    const Trial trial = runner.verify(tactic, effort, Deadline::in(20), &error);
    // What the assembler cannot fit is no kernel; any other compile that fails is a failure.
    const auto says = [&](const char* text) { return trial.why.find(text) != std::string::npos; };
    if (trial.outcome == Outcome::spills ||
        (trial.outcome == Outcome::compile && (says("assembler") || says("Ptx assembly aborted"))))
      continue;
    step.passed = trial.correct();
    if (lost) *lost = !runner.fault().empty();
    step.note = fmt::format("{} | {} | {}", to_string(c.problem), to_string(tactic),
                            trial.correct() ? fmt::format("error {:.3f} of its bound", error)
                                            : fmt::format("{}: {}", name(trial.outcome), trial.why));
    return step;
  }
  step.note = to_string(c.problem) + " | " + step.note;
  return step;
}

int prove_correctness(const Settings& settings, std::size_t first, std::size_t last) {
  Resources& gpu = resources();
  const auto cases = proof_cases(gpu.facts(), kCases, kSeed);
  const auto digests = current_digests();
  ProgressFile progress(settings.progress, settings.resume);
  progress.ran_on(this_machine());
  std::mutex mutex;
  std::atomic<int> failed{0}, done{0};
  std::atomic<bool> lost{false};
  std::vector<ProofCase> todo;
  for (const ProofCase& c : cases) {
    if (static_cast<std::size_t>(c.id) < first || static_cast<std::size_t>(c.id) >= last || !wanted(settings, c.family))
      continue;
    const Step* before = progress.find(fmt::format("case {}", c.id), digests.at(std::string(name(c.family))));
    if (!before || !before->passed) todo.push_back(c);
  }
  const auto start = Clock::now();
  in_parallel(todo.size(), usable_cores(), [&](std::size_t i) {
    if (lost) return;
    Step step;
    bool fault = false;
    try {
      const ContextScope scope(gpu.context());
      step = prove_case(todo[i], gpu, Effort::full, &fault);
    } catch (const Error& error) {
      step.id = fmt::format("case {}", todo[i].id), step.group = name(todo[i].family);
      step.note = fmt::format("{} | {}", to_string(todo[i].problem), error.what());
    }
    step.digest = digests.at(step.group);
    const std::lock_guard lock(mutex);
    // Once the context is lost, what other threads report is not theirs.
    if (lost) return;
    lost = fault;
    progress.append(step);
    ++done;
    if (!step.passed) {
      ++failed;
      fmt::print("FAILED {}: {}\n", step.id, step.note);
      std::fflush(stdout);
    }
  });
  fmt::print("correctness: {} cases in {:.0f} s, {} failed{}\n", done.load(), seconds_since(start), failed.load(),
             lost ? "; the GPU context was lost, run again with --resume" : "");
  return failed ? 1 : 0;
}

}  // namespace ak::proof
