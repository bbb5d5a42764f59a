#include <fmt/format.h>

#include <algorithm>

#include "base/csv.hpp"
#include "base/terminal.hpp"
#include "cli/cli.hpp"
#include "cli/given_problems.hpp"
#include "cli/progress.hpp"
#include "context/common.hpp"
#include "context/context.hpp"
#include "core/activation.hpp"
#include "families/family.hpp"
#include "machine/gpu.hpp"
#include "recording/recorded_machine.hpp"

namespace ak::cli {
namespace {

struct BenchState {
  GivenProblems given;
  SearchArguments search;
  std::string tactic, format = "text";
  double seconds = 30;
};

// All arms of one problem, timed interleaved in one window; 0 where there is no such arm.
struct BenchRow {
  Problem problem;
  std::string own_tactic, why;
  double own_us = 0, fused_us = 0, separate_us = 0, floor_us = 0;
  bool from_recording = false;

  double vendor_us() const {
    if (fused_us <= 0 || separate_us <= 0) return std::max(fused_us, separate_us);
    return std::min(fused_us, separate_us);
  }
};

std::unique_ptr<Machine> open_machine(const Settings& settings) {
  return settings.recording.empty() ? make_gpu_machine(gpu_options(settings)) : make_recording_machine(settings.recording);
}

// --tactic, else the record's own kernel, else the best own kernel of its history (the vendor won there).
std::optional<Tactic> own_tactic(const Problem& problem, const std::string& given, Machine& machine, Store& store) {
  if (!given.empty()) {
    const Tactic tactic = parse_tactic(given);
    if (!is_vendor(tactic))
      if (const auto why = family(tactic.family).rejects(problem, tactic, machine.device()))
        throw Error(ErrorCode::invalid_argument, fmt::format("--tactic: {}", *why));
    return tactic;
  }
  const auto record = store.find(problem, machine.hardware());
  if (record && !is_vendor(record->tactic)) return record->tactic;
  const Trial* best = nullptr;
  const std::vector<Trial> history = store.trials(problem, machine.hardware());
  for (const Trial& t : history)
    if (t.correct() && !is_vendor(t.tactic) && (!best || t.us < best->us)) best = &t;
  return best ? std::optional(best->tactic) : std::nullopt;
}

BenchRow bench_one(const Problem& problem, const BenchState& state, const Settings& settings, Machine& machine, Store& store) {
  BenchRow row;
  row.problem = problem;
  row.floor_us = floor_us(problem, machine.device());
  row.from_recording = !machine.launches();
  const Deadline deadline = Deadline::in(state.seconds);
  const auto runner = machine.runner(problem, allowance_of(settings, machine));
  std::vector<Tactic> arms;

  const auto own = own_tactic(problem, state.tactic, machine, store);
  if (own) {
    row.own_tactic = to_string(*own);
    const Trial trial = runner->run(*own, Effort::full, deadline);
    if (trial.correct())
      arms.push_back(*own);
    else
      row.why = fmt::format("{}: {}", name(trial.outcome), trial.why);
  } else {
    row.why = "no own kernel is known: run `ak tune` first, or give --tactic";
  }

  Trial best[2];  // fused, separate
  for (const Tactic& tactic : runner->vendor_tactics(Deadline::in(10))) {
    const Trial trial = runner->run(tactic, Effort::quick, deadline);
    Trial& leader = best[tactic.separate != 0];
    if (trial.correct() && (!leader.correct() || trial.us < leader.us)) leader = trial;
  }
  for (const Trial& leader : best)
    if (leader.correct()) arms.push_back(leader.tactic);

  for (const Trial& trial : runner->finals(arms, deadline)) {
    if (!trial.correct()) continue;
    if (own && trial.tactic == *own) row.own_us = trial.us;
    if (best[0].correct() && trial.tactic == best[0].tactic) row.fused_us = trial.us;
    if (best[1].correct() && trial.tactic == best[1].tactic) row.separate_us = trial.us;
  }
  return row;
}

Json row_json(const BenchRow& row) {
  const Problem& p = row.problem;
  return {{"problem", to_string(p)},
          {"m", p.m},
          {"n", p.n},
          {"k", p.k},
          {"dtype", name(p.in)},
          {"activation", name(p.epilogue.activation)},
          {"own_us", row.own_us},
          {"own_tactic", row.own_tactic},
          {"vendor_us", row.vendor_us()},
          {"fused_us", row.fused_us},
          {"separate_us", row.separate_us},
          {"floor_us", row.floor_us},
          {"from_recording", row.from_recording},
          {"why", row.why}};
}

void print(const BenchRow& row, const std::string& format) {
  if (format == "csv") {
    const auto us = [](double us) { return us > 0 ? fmt::format("{:.3f}", us) : std::string(); };
    fmt::print("{},{},{},{},{},{},{},{},{},{},{},{}\n", row.problem.m, row.problem.n, row.problem.k, name(row.problem.in),
               csv_field(name(row.problem.epilogue.activation)), us(row.own_us), row.own_tactic, us(row.vendor_us()),
               us(row.fused_us), us(row.separate_us), us(row.floor_us), csv_field(to_string(row.problem)));
    return;
  }
  fmt::print("{}{}\n", to_string(row.problem), row.from_recording ? "   (times from a recording)" : "");
  fmt::print("  own                      {:>11}   {}\n", shown_us(row.own_us), row.own_us > 0 ? row.own_tactic : row.why);
  fmt::print("  cuBLASLt fused           {:>11}\n", shown_us(row.fused_us));
  fmt::print("  cuBLASLt + pass          {:>11}\n", shown_us(row.separate_us));
  fmt::print("  floor                    {:>11}\n", shown_us(row.floor_us));
  if (row.own_us > 0 && row.vendor_us() > 0)
    fmt::print("  cuBLASLt's best over own {:>10.3f}x\n", row.vendor_us() / row.own_us);
}

int bench(const BenchState& state) {
  int code = kOk;
  const std::vector<Problem> problems = state.given.read(code);
  if (!state.tactic.empty()) parse_tactic(state.tactic);  // a bad one is reported before the GPU is opened

  const Settings settings = resolve(state.search.options());
  const auto machine = open_machine(settings);
  const auto store = open_cache_to_read(settings.cache_dir, state.search.cache_given);
  ProgressBar bar;
  Json rows = Json::array();
  if (state.format == "csv")
    fmt::print("m,n,k,dtype,activation,own_us,own_tactic,vendor_us,fused_us,separate_us,floor_us,problem\n");
  for (std::size_t i = 0; i < problems.size(); ++i) {
    bar.update(static_cast<double>(i) / problems.size(), to_string(problems[i]));
    BenchRow row;
    row.problem = problems[i];
    try {
      row = bench_one(problems[i], state, settings, *machine, *store);
    } catch (const Error& error) {
      end_unless_others_follow(error, problems.size());
      row.why = error.what();
    }
    if (row.own_us <= 0) code = kFailed;
    bar.clear();
    if (state.format == "csv" && !row.why.empty()) fmt::print(stderr, "{}: {}\n", to_string(row.problem), printable(row.why));
    if (state.format == "json")
      rows.push_back(row_json(row));
    else
      print(row, state.format);
  }
  if (state.format == "json") print_json(rows);
  return code;
}

}  // namespace

void add_bench(Program& program) {
  auto state = std::make_shared<BenchState>();
  Command command =
      program.add_command("bench", "Time the own kernel, cuBLASLt's fused epilogue and its GEMM + pass, interleaved");
  state->given.add_to(command);
  state->search.add_cache_to(command);
  command.option("--tactic", state->tactic, "the own kernel by hand, as `ak show` prints it");
  command.option("--recording", state->search.recording, "answer from this file instead of a GPU (AK_RECORDING)");
  command.option("--seconds", state->seconds, "most seconds per problem").seconds_above_zero().shows_default();
  command.option("--format", state->format, "of the output").one_of({"text", "csv", "json"}).shows_default();
  command.flag(
      "--json", [state] { state->format = "json"; }, "JSON instead of text");
  command.on_run([state] { return bench(*state); });
}

}  // namespace ak::cli
