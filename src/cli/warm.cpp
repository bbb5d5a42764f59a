#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "cli/cli.hpp"
#include "cli/problem_list.hpp"
#include "cli/progress.hpp"
#include "context/context.hpp"
#include "core/bucket.hpp"

namespace ak::cli {
namespace {

struct WarmState {
  std::string file;
  TokenRange tokens = {};  // none: each line's own
  SearchArguments search;
  bool force = false, json = false, dry_run = false;
};

// A line's problem, or one of its buckets.
struct Task {
  int line;
  Context::Impl::Preparation what;
};

// Each once, in the list's order. tokens: instead of the m of every line.
std::vector<Task> tasks_of(const ProblemList& list, const TokenRange& tokens) {
  std::vector<Task> tasks;
  std::set<std::pair<std::string, bool>> known;
  for (const auto& item : list.items)
    for (const auto& what : Context::Impl::preparations({item.problem, tokens.none() ? item.tokens : tokens}))
      if (known.emplace(to_string(what.problem), what.bucket).second || !what.bucket) tasks.push_back({item.line, what});
  return tasks;
}

std::string shown(const Context::Impl::Preparation& what) {
  const TokenRange bucket = bucket_of(what.problem.m);
  return to_string(what.problem) +
         (what.bucket && bucket.from < bucket.to ? fmt::format(", serving m {}", shown_tokens(bucket)) : "");
}

int warm(const WarmState& state) {
  ProblemList list = read_problem_list(state.file);
  std::ranges::stable_sort(list.items, std::greater(), &ProblemList::Item::count);  // what is asked for most, first
  const std::vector<Task> tasks = tasks_of(list, state.tokens);
  const int bad_lines = list.faults.empty() ? kOk : kUsage;
  int done_now = 0, again = 0, known = 0, failed = 0;
  Json rows = Json::array();
  const auto add_row = [&](int line, Json row) {
    row["line"] = line;
    rows.push_back(std::move(row));
  };
  for (const auto& fault : list.faults) add_row(fault.line, {{"problem", ""}, {"state", "bad line"}, {"why", fault.why}});
  const auto print = [&] {
    const std::size_t bad = list.faults.size();
    if (!state.json) {
      fmt::print("{} tuned{}, {} known before, {} failed, {}\n", done_now,
                 again ? fmt::format(" ({} to be searched again: provisional)", again) : "", known, failed,
                 counted(bad, "bad line"));
      return;
    }
    std::sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) { return a["line"] < b["line"]; });
    print_json(Json{{"tuned", done_now},
                    {"provisional", again},
                    {"known", known},
                    {"failed", failed},
                    {"bad_lines", bad},
                    {"problems", rows}});
  };
  if (state.dry_run) {
    for (const auto& [line, what] : tasks)
      if (state.json)
        add_row(line, {{"problem", to_string(what.problem)}, {"state", "listed"}, {"why", ""}});
      else
        fmt::print("{}\n", shown(what));
    if (state.json) print();
    return bad_lines;
  }
  if (list.items.empty()) {
    fmt::print(stderr, "{}: no problem in it\n", state.file);
    if (state.json) print();
    return kUsage;
  }

  ProgressBar bar;
  std::string current;
  double done = 0;
  Options options = state.search.options();
  options.process_budget_s = 86400 * 30;  // the longest there is: a list has as many searches as it has problems
  const double total = static_cast<double>(tasks.size());
  options.progress = [&](const TuneProgress& p) {
    bar.update((done + (p.budget_s > 0 ? std::min(1.0, p.elapsed_s / p.budget_s) : 0)) / total,
               fmt::format("{:.0f}/{:.0f}  {}  {}  best {}", done + 1, total, current, counted(p.trials, "trial"),
                           shown_us(p.best_us)));
  };
  Context context(options);
  if (!context.impl().settings().cache_dir.empty() && !context.impl().store().persistent())
    throw Error(ErrorCode::internal, fmt::format("nothing would be kept: {}", context.impl().store().describe()));
  std::vector<Context::Impl::Preparation> all;
  if (!state.force)
    for (const Task& task : tasks) all.push_back(task.what);
  const auto ahead = context.impl().compile_ahead(all);
  for (const auto& [line, what] : tasks) {
    const Problem& problem = what.problem;
    current = fmt::format("{}x{}x{}", problem.m, problem.n, problem.k);
    const std::string place = fmt::format("[{:.0f}/{:.0f}] {}", done + 1, total, shown(what));
    bar.update(done / total, place);
    try {
      // What stands in the store was finished before: that is how a second run resumes.
      if (!state.force && context.impl().proven(what)) {
        ++known;
        if (!bar.on_terminal()) bar.line(place + ": known");
        add_row(line, {{"problem", to_string(problem)}, {"state", "known"}, {"why", ""}});
      } else {
        const Explanation e = context.impl().prepare(what, state.force);
        if (!tuned(e)) throw Error(ErrorCode::unsupported, e.note);
        ++done_now;
        bar.line(fmt::format("{}: {}  {}, {}, {}", place, e.served_by, shown_us(e.us), shown_vendor(e.vendor_us, e.us),
                             shown_search(e.trials, e.search_s)));
        const bool provisional = !context.impl().proven(what);
        again += provisional;
        Json row = to_json(e);
        row.update({{"state", "tuned"}, {"provisional", provisional}, {"why", ""}});
        add_row(line, std::move(row));
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::missing_library || error.code() == ErrorCode::driver) throw;
      ++failed;
      add_row(line, {{"problem", to_string(problem)}, {"state", "failed"}, {"why", error.what()}});
      bar.line(fmt::format("{}:{}: {}", state.file, line, error.what()));
    }
    ++done;
  }
  bar.clear();
  print();
  return failed ? kFailed : bad_lines;
}

}  // namespace

void add_warm(Program& program) {
  auto state = std::make_shared<WarmState>();
  Command command =
      program.add_command("warm", "Tune every problem of a list, each within --budget; problems with a record are skipped");
  command
      .option(
          "file", state->file,
          "CSV with a header m,n,k[,act,dtype,out,layout,bias,c,alpha,gated,aux,scale,batch,numerics], or problems as `ak ls` "
          "prints them or AK_MODE=record writes them (those that were asked for most are tuned first)")
      .required();
  command.option(
      "--m", [state](const std::string& word) { state->tokens = tokens_of("--m", word); },
      "a range of m for every line instead of its own, as in 1:512 or 1..512: each bucket of it is tuned; in a list, its "
      "column m "
      "may hold one");
  state->search.add_to(command);
  command.flag("--force", state->force, "search again although records stand, and replace them");
  command.flag("--dry-run", state->dry_run, "only read the list and print its problems");
  command.flag("--json", state->json, "JSON instead of text");
  command.on_run([state] { return warm(*state); });
}

}  // namespace ak::cli
