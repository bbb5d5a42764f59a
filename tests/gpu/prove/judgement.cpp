// Whether what judges the kernels can be trusted: verification sees planted mistakes, compute-sanitizer sees nothing in the
// kernels as they stand and a race that was planted.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>

#include "base/cores.hpp"
#include "base/text.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"
#include "prove/planted.hpp"
#include "prove/prove.hpp"
#include "runner/gpu_trials.hpp"

namespace ak::proof {
namespace {

constexpr int kSanitizerCases = 10;

}  // namespace

int prove_planted_one(int index, bool wrong) {
  const Planted& planted = planted_kernels().at(static_cast<std::size_t>(index));
  Resources& gpu = resources();
  const Problem problem = parse_problem(planted.problem);
  const auto tactic = find_tactic(problem, planted.tactic, gpu.facts());
  if (!tactic) {
    fmt::print("no tactic '{}'\n", planted.tactic);
    return 2;
  }
  GpuTrials::Options options;
  options.allowance.compile_threads = 1;
  if (wrong)
    options.source = [&](const Tactic& t) { return planted.apply(make_source(family(t.family).sources(), problem, t)); };
  GpuTrials runner(problem, gpu, std::move(options));
  const Trial trial = runner.verify(*tactic, Effort::full, Deadline::in(30));
  fmt::print("{} | {}: {}\n", to_string(*tactic), name(trial.outcome), trial.why);
  std::fflush(stdout);
  const bool seen =
      trial.outcome == Outcome::incorrect || trial.outcome == Outcome::runtime || trial.outcome == Outcome::timeout;
  const int status = (wrong ? seen : trial.correct()) ? 0 : 1;
  if (!runner.fault().empty()) std::_Exit(status);  // with a lost context, orderly shutdown only makes noise
  return status;
}

int prove_planted(const Settings& settings) {
  ProgressFile progress(settings.progress, settings.resume);
  progress.ran_on(this_machine());
  const std::string digest = all_digests();
  std::mutex mutex;
  std::atomic<int> failed{0};
  const auto& all = planted_kernels();
  in_parallel(2 * all.size(), std::max(1, usable_cores() / 2), [&](std::size_t i) {
    const bool mutate = i % 2 == 0;
    Step step;
    step.id = fmt::format("{}: {}", mutate ? "wrong" : "right", all[i / 2].name);
    step.group = "verify", step.digest = digest;
    {
      const std::lock_guard lock(mutex);
      if (const Step* before = progress.find(step.id, digest); before && before->passed) return;
    }
    const ChildResult child =
        run_child(fmt::format("timeout -s KILL 90 '{}' planted-one {} {} 2>&1", settings.self, i / 2, mutate ? "--wrong" : ""));
    step.passed = child.status == 0;
    step.note = child.line;
    const std::lock_guard lock(mutex);
    progress.append(step);
    if (!step.passed) ++failed;
    fmt::print("{} {} | {}\n", step.passed ? "ok    " : "FAILED", step.id, step.note);
    std::fflush(stdout);
  });
  fmt::print("verification: {} wrong and {} right kernels, {} judged wrongly\n", all.size(), all.size(), failed.load());
  return failed ? 1 : 0;
}

int prove_sanitizer_set(const Settings& settings) {
  Resources& gpu = resources();
  int failed = 0, taken[kFamilyCount] = {};
  for (const ProofCase& c : proof_cases(gpu.facts(), kCases, kSeed)) {
    if (!wanted(settings, c.family) || c.problem.m * c.problem.n * c.problem.k > 1 << 21 ||
        taken[static_cast<int>(c.family)] >= kSanitizerCases)
      continue;
    ++taken[static_cast<int>(c.family)];
    const Step step = prove_case(c, gpu, Effort::quick);
    if (!step.passed) ++failed, fmt::print("FAILED {}: {}\n", step.id, step.note);
  }
  return failed;
}

int prove_sanitize(const Settings& settings) {
  ProgressFile progress(settings.progress, settings.resume);
  progress.ran_on(this_machine());
  const std::string digest = all_digests();
  std::atomic<int> failed{0};
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> jobs;
  for (const char* tool : {"memcheck", "racecheck", "synccheck"})
    for (const Family* own : families())
      if (wanted(settings, own->id())) jobs.push_back({tool, std::string(name(own->id()))});
  in_parallel(jobs.size(), 4, [&](std::size_t i) {
    const auto& [tool, family] = jobs[i];
    Step step;
    step.id = fmt::format("{} {}", tool, family), step.group = "sanitizer", step.digest = digest;
    const std::string log = settings.progress + "." + tool + "." + family + ".log";
    const ChildResult child =
        run_child(fmt::format("timeout -s KILL 300 compute-sanitizer --tool {} --error-exitcode 9 --kernel-name "
                              "kernel_substring=ak_{}_ --log-file '{}' '{}' sanitizer-set --family {} 2>&1",
                              tool, family, log, settings.self, family));
    std::ifstream in(log);
    std::string last;
    for (std::string line; std::getline(in, line);)
      if (line.find("ERROR SUMMARY") != line.npos || line.find("RACECHECK SUMMARY") != line.npos) last = line;
    step.passed = child.status == 0;
    step.note = fmt::format("exit {} {} {}", child.status, last, child.line);
    const std::lock_guard lock(mutex);
    progress.append(step);
    failed += !step.passed;
    fmt::print("{} {} | {}\n", step.passed ? "ok    " : "FAILED", step.id, step.note);
    std::fflush(stdout);
  });
  // And a race that the tool must see, or it saw nothing above.
  const auto& all = planted_kernels();
  const auto race =
      std::find_if(all.begin(), all.end(), [](const Planted& p) { return p.name.find("slab of the store") != p.name.npos; });
  Step seen;
  seen.id = "racecheck of a planted race", seen.group = "sanitizer", seen.digest = digest;
  const ChildResult child =
      run_child(fmt::format("timeout -s KILL 300 compute-sanitizer --tool racecheck --error-exitcode 9 --kernel-name "
                            "kernel_substring=ak_{}_ '{}' planted-one {} --wrong 2>&1",
                            words(race->tactic).front(), settings.self, race - all.begin()));
  seen.passed = child.status == 9;
  seen.note = fmt::format("exit {} {}", child.status, child.line);
  progress.append(seen);
  failed += !seen.passed;
  fmt::print("{} {} | {}\n", seen.passed ? "ok    " : "FAILED", seen.id, seen.note);
  return failed ? 1 : 0;
}

}  // namespace ak::proof
