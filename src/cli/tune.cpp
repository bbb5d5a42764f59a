#include <fmt/format.h>

#include "cli/cli.hpp"
#include "cli/progress.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"

namespace ak::cli {

void add_tune(Program& program) {
  struct State {
    ProblemArguments problem;
    SearchArguments search;
    bool force = false, json = false;
  };
  auto state = std::make_shared<State>();
  Command command = program.add_command("tune", "Search the kernel of one problem, or load the one that is known");
  state->problem.add_to(command);
  state->search.add_to(command);
  command.flag("--force", state->force, "search again although a record stands, and replace it");
  command.flag("--json", state->json, "JSON instead of text");
  command.on_run([state] {
    const Problem problem = state->problem.problem();
    ProgressBar bar;
    double best_us = 0;
    Options options = state->search.options();
    options.progress = [&](const TuneProgress& p) {
      const std::string served = p.best.empty() ? "" : served_by(parse_tactic(p.best));
      const std::string line =
          fmt::format("{}  {:.1f} s  best so far {}  {}", counted(p.trials, "trial"), p.elapsed_s, shown_us(p.best_us), served);
      bar.update(p.budget_s > 0 ? p.elapsed_s / p.budget_s : 0, line);
      if (!bar.on_terminal() && p.best_us > 0 && p.best_us != best_us) bar.line(line);
      best_us = p.best_us;
    };
    Context context(options);
    const Explanation e = state->force ? context.impl().retune(problem) : context.impl().prepare(problem);
    bar.clear();
    const std::int64_t peak = context.counters().search_peak_bytes;
    if (state->json) {
      Json json = to_json(e);
      json["search_peak_bytes"] = peak;
      print_json(json);
    } else {
      print(e);
      if (peak > 0)
        fmt::print("memory     the search held {:.1f} MiB of the GPU's memory at its peak\n",
                   static_cast<double>(peak) / (1 << 20));
    }
    return tuned(e) ? kOk : kFailed;
  });
}

}  // namespace ak::cli
