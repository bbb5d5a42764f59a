// ak_prove: what tests/gpu/run.sh runs on a GPU. Results are appended to a progress file as they come, so that a killed run
// continues; `record` merges them into tests/gpu/record.json.
#include <fmt/format.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/cores.hpp"
#include "core/activation.hpp"
#include "families/family.hpp"
#include "gpu/device.hpp"
#include "jit/source.hpp"
#include "plan/resources.hpp"
#include "plan/vendor.hpp"
#include "prove/cases.hpp"
#include "prove/planted.hpp"
#include "prove/record.hpp"
#include "runner/local.hpp"
#include "search/proposers.hpp"
#include "search/space.hpp"
#include "tune/tuner.hpp"

using namespace ak;
using namespace ak::proof;

namespace {

constexpr std::size_t kCases = 2100;
constexpr std::uint64_t kSeed = 2026;
constexpr int kSanitizerCases = 10;

struct Settings {
  std::string progress = "proof.jsonl", record, suite, rows = "all", activations = "relu,silu", family;
  bool resume = false;
  double budget_s = 3;
  std::string self;
};

std::string all_digests() {
  std::string all;
  for (const auto& [family, digest] : current_digests()) all += digest;
  return all;
}

bool wanted(const Settings& settings, FamilyId id) { return settings.family.empty() || settings.family == name(id); }

// Runs work(i) for i in [0, count) on `threads` threads.
void in_parallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&] {
      for (std::size_t i; (i = next++) < count;) work(i);
    });
  for (std::thread& thread : pool) thread.join();
}

// --- correctness -------------------------------------------------------------------------------------------------------

// The first tactic of the draw that compiles without spilling decides.
Step prove_case(const ProofCase& c, Resources& resources, Effort effort, bool* lost = nullptr) {
  Step step;
  step.id = fmt::format("case {}", c.id);
  step.group = name(c.family);
  step.note = "no tactic compiles without spilling";
  const auto tactics = drawn_tactics(c, resources.facts(), 6);
  if (tactics.empty()) step.note = "no tactic fits";
  LocalRunner runner(c.problem, resources, {{}, 1});
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

int correctness(const Settings& settings, std::size_t first, std::size_t last) {
  Resources& gpu = resources();
  const auto cases = proof_cases(gpu.facts(), kCases, kSeed);
  const auto digests = current_digests();
  ProgressFile progress(settings.progress, settings.resume);
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

// --- verification must see ---------------------------------------------------------------------------------------------

// In a process of its own, for a wrong kernel may fault. Prints one line; exits 0 when the outcome is the expected one.
int planted_one(int index, bool mutate) {
  const Planted& planted = planted_kernels().at(static_cast<std::size_t>(index));
  Resources& gpu = resources();
  const Problem problem = parse_problem(planted.problem);
  const auto tactic = find_tactic(problem, planted.tactic, gpu.facts());
  if (!tactic) {
    fmt::print("no tactic '{}'\n", planted.tactic);
    return 2;
  }
  LocalRunner::Options options;
  options.threads = 1;
  if (mutate)
    options.source = [&](const Tactic& t) { return planted.apply(make_source(family(t.family).sources(), problem, t)); };
  LocalRunner runner(problem, gpu, options);
  const Trial trial = runner.verify(*tactic, Effort::full, Deadline::in(30));
  fmt::print("{} | {}: {}\n", to_string(*tactic), name(trial.outcome), trial.why);
  std::fflush(stdout);
  const bool seen =
      trial.outcome == Outcome::incorrect || trial.outcome == Outcome::runtime || trial.outcome == Outcome::timeout;
  const int status = (mutate ? seen : trial.correct()) ? 0 : 1;
  if (!runner.fault().empty()) std::_Exit(status);  // with a lost context, orderly shutdown only makes noise
  return status;
}

struct ChildResult {
  int status = -1;
  std::string line;
};

ChildResult run_child(const std::string& command) {
  ChildResult result;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return result;
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe)) result.line = buffer;
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  while (!result.line.empty() && result.line.back() == '\n') result.line.pop_back();
  return result;
}

int planted(const Settings& settings) {
  ProgressFile progress(settings.progress, settings.resume);
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

// --- compute-sanitizer ---------------------------------------------------------------------------------------------------

// A few small cases of each family, run under the tool.
int sanitizer_set(const Settings& settings) {
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

int sanitize(const Settings& settings) {
  ProgressFile progress(settings.progress, settings.resume);
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
                              "kernel_name=ak_kernel --log-file '{}' '{}' sanitizer-set --family {} 2>&1",
                              tool, log, settings.self, family));
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
                            "kernel_name=ak_kernel '{}' planted-one {} --wrong 2>&1",
                            settings.self, race - all.begin()));
  seen.passed = child.status == 9;
  seen.note = fmt::format("exit {} {}", child.status, child.line);
  progress.append(seen);
  failed += !seen.passed;
  fmt::print("{} {} | {}\n", seen.passed ? "ok    " : "FAILED", seen.id, seen.note);
  return failed ? 1 : 0;
}

// --- benchmark -------------------------------------------------------------------------------------------------------------

struct SuiteRow {
  std::int64_t m, n, k;
  std::string kind;
};

std::vector<SuiteRow> read_suite(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw Error(ErrorCode::invalid_argument, fmt::format("cannot read the suite '{}'", path));
  std::vector<SuiteRow> rows;
  std::string line;
  std::getline(in, line);  // the header
  while (std::getline(in, line)) {
    SuiteRow row;
    char comma;
    std::istringstream cells(line);
    if (cells >> row.m >> comma >> row.n >> comma >> row.k >> comma && std::getline(cells, row.kind)) rows.push_back(row);
  }
  return rows;
}

BenchRow bench_row(const SuiteRow& suite, Activation activation, const Settings& settings) {
  Problem p;
  p.m = suite.m, p.n = suite.n, p.k = suite.k;
  const auto align = [](std::int64_t extent) {
    return static_cast<std::uint8_t>(std::min<std::int64_t>(16, (extent * 2) & -(extent * 2)));
  };
  p.align_a = p.align_b = align(p.k), p.align_d = align(p.n);
  p.epilogue.activation = activation;
  p.epilogue.bias = BiasAxis::column;

  Resources& gpu = resources();
  LocalRunner runner(p, gpu);
  std::vector<std::unique_ptr<Proposer>> proposers;
  for (const auto which : {"local", "offline"}) proposers.push_back(make_proposer(which));
  Budget budget;
  budget.seconds = settings.budget_s;
  const Tuned tuned = tune(p, gpu.facts(), runner, std::move(proposers), budget);

  const auto arms = runner.vendor_arms();
  const PlanPtr own = tuned.own ? runner.plan(tuned.own->tactic) : nullptr;
  std::vector<const Plan*> plans;
  const auto add = [&](const PlanPtr& plan) -> std::optional<std::size_t> {
    if (!plan) return std::nullopt;
    const auto it = std::find(plans.begin(), plans.end(), plan.get());
    if (it != plans.end()) return it - plans.begin();
    plans.push_back(plan.get());
    return plans.size() - 1;
  };
  const auto first = add(arms.first), gemm = add(arms.gemm), fused = add(arms.fused), separate_first = add(arms.separate_first),
             separate = add(arms.separate), own_arm = add(own),
             winner = tuned.winner ? add(runner.plan(tuned.winner->tactic)) : std::nullopt;
  const auto timing = runner.time(plans, 15, 1500, Deadline::in(20));
  const auto us = [&](std::optional<std::size_t> arm) { return arm ? std::optional(timing.us[*arm]) : std::nullopt; };

  BenchRow row;
  row.m = p.m, row.n = p.n, row.k = p.k, row.kind = suite.kind, row.dtype = name(p.in), row.activation = name(activation);
  row.own_us = us(own_arm);
  if (tuned.own) row.own_tactic = to_string(tuned.own->tactic);
  row.lt_fused_us = us(fused), row.lt_separate_us = us(separate_first);
  row.lt_first_us = us(first).value_or(0), row.lt_gemm_us = us(gemm).value_or(0);
  row.vendor_us = std::min(us(fused).value_or(1e30), us(separate).value_or(1e30));
  if (row.vendor_us > 1e29) row.vendor_us = 0;
  row.ak_us = us(winner).value_or(row.vendor_us);
  row.clock_mhz = timing.clock_mhz, row.search_s = tuned.seconds;
  for (const Trial& trial : tuned.history) row.trials += trial.tactic.family != FamilyId::vendor;
  return row;
}

// "all", "0-9", "3,17" or a class.
bool row_wanted(const std::string& rows, std::size_t index, const std::string& kind) {
  if (rows == "all" || rows == kind) return true;
  std::istringstream parts(rows);
  for (std::string part; std::getline(parts, part, ',');) {
    unsigned long from = 0, to = 0;
    const int read = std::sscanf(part.c_str(), "%lu-%lu", &from, &to);
    if (read >= 1 && index >= from && index <= (read == 2 ? to : from)) return true;
  }
  return false;
}

int bench(const Settings& settings) {
  ProgressFile progress(settings.progress, settings.resume);
  const auto suite = read_suite(settings.suite);
  const std::string digest = all_digests();
  std::istringstream list(settings.activations);
  int failed = 0;
  for (std::string text; std::getline(list, text, ',');) {
    const auto activation = parse_activation(text);
    if (!activation) throw Error(ErrorCode::invalid_argument, fmt::format("no activation '{}'", text));
    for (std::size_t i = 0; i < suite.size(); ++i) {
      if (!row_wanted(settings.rows, i, suite[i].kind)) continue;
      Step step;
      step.id = fmt::format("bench {}x{}x{} {}", suite[i].m, suite[i].n, suite[i].k, text), step.group = "bench",
      step.digest = digest;
      if (const Step* before = progress.find(step.id, digest); before && before->bench) continue;
      try {
        step.bench = bench_row(suite[i], *activation, settings);
        step.passed = true;
        const BenchRow& r = *step.bench;
        fmt::print(
            "{:>28} {:<13} own {:9.2f} vendor {:9.2f} gemm {:9.2f} separate {:9.2f} | own/vendor {:.3f}x | {:4.0f} MHz {} "
            "trials {:.1f} s | {}\n",
            r.key(), r.kind, r.own_us.value_or(0), r.vendor_us, r.lt_gemm_us, r.lt_separate_us.value_or(0),
            r.own_us ? r.vendor_us / *r.own_us : 0, r.clock_mhz, r.trials, r.search_s, r.own_tactic);
        progress.append(step);
      } catch (const Error& error) {
        ++failed;
        fmt::print("FAILED {}: {}\n", step.id, error.what());
        if (error.code() == ErrorCode::driver) return 1;
      }
      std::fflush(stdout);
    }
  }
  return failed ? 1 : 0;
}

// --- record ------------------------------------------------------------------------------------------------------------------

int write(const Settings& settings) {
  Record record = read_record(settings.record);
  record.gpu = resources().facts().name, record.driver = driver_version();
  char date[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
  record.date = date;
  // Only what was run with the sources as they stand.
  const auto digests = current_digests();
  std::map<std::string, Step> steps;
  std::vector<std::string> proven;
  const ProgressFile progress(settings.progress, true);
  for (const auto& [id, step] : progress.steps()) {
    const auto own = digests.find(step.group);
    if (step.digest != (own != digests.end() ? own->second : all_digests())) continue;
    steps[id] = step;
    if (own != digests.end() && std::find(proven.begin(), proven.end(), step.group) == proven.end())
      proven.push_back(step.group);
  }
  merge(record, steps, proven);
  write_record(settings.record, record);
  fmt::print("{}: {} steps merged, {} bench rows\n", settings.record, steps.size(), record.bench.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  settings.self = argv[0];
  CLI::App app{"Proves the kernels on a GPU and measures them against cuBLASLt"};
  app.require_subcommand(1);
  std::size_t first = 0, last = ~std::size_t{0};
  int index = 0;
  bool wrong = false;
  const auto common = [&](CLI::App* command) {
    command->add_option("--progress", settings.progress, "results, one a line");
    command->add_flag("--resume", settings.resume, "keep the progress file's results");
    command->add_option("--family", settings.family, "only this family");
    return command;
  };
  auto* correctness_command = common(app.add_subcommand("correctness", "seeded cases of every family"));
  correctness_command->add_option("--first", first);
  correctness_command->add_option("--last", last);
  auto* planted_command = common(app.add_subcommand("planted", "wrong kernels that must be refused, right ones that must not"));
  auto* one_command = app.add_subcommand("planted-one", "one of them, in this process");
  one_command->add_option("index", index)->required();
  one_command->add_flag("--wrong", wrong);
  auto* sanitize_command = common(app.add_subcommand("sanitize", "a small set under compute-sanitizer"));
  auto* set_command = common(app.add_subcommand("sanitizer-set", "that set, in this process"));
  auto* bench_command = common(app.add_subcommand("bench", "the suite against cuBLASLt"));
  bench_command->add_option("--suite", settings.suite)->required();
  bench_command->add_option("--rows", settings.rows, "all, a class, or numbers: 0-9,12");
  bench_command->add_option("--activations", settings.activations);
  bench_command->add_option("--budget", settings.budget_s, "seconds of search a row");
  auto* record_command = common(app.add_subcommand("record", "merge the progress into a record"));
  record_command->add_option("record", settings.record)->required();
  CLI11_PARSE(app, argc, argv);
  try {
    if (*correctness_command) return correctness(settings, first, last);
    if (*planted_command) return planted(settings);
    if (*one_command) return planted_one(index, wrong);
    if (*sanitize_command) return sanitize(settings);
    if (*set_command) return sanitizer_set(settings);
    if (*bench_command) return bench(settings);
    return write(settings);
  } catch (const Error& error) {
    fmt::print(stderr, "ak_prove: {}\n", error.what());
    return 2;
  }
}
