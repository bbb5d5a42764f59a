#include <fmt/format.h>

#include "cli/cli.hpp"
#include "context/context.hpp"

namespace ak::cli {

void add_ls(CLI::App& app) {
  struct State {
    SearchArguments search;
    bool json = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = app.add_subcommand("ls", "List the records of the cache");
  state->search.add_cache_to(command);
  command->add_flag("--json", state->json);
  on_run(command, [state] {
    const auto store = open_cache(resolve(state->search.options()).cache_dir);
    Json rows = Json::array();
    int count = 0;
    store->for_each([&](const PlanRecord& r) {
      ++count;
      if (state->json) return rows.push_back(to_json(r));
      fmt::print("{}\n    {}{}: {}  {}  vendor {}{}\n", to_string(r.problem), r.hardware.gpu,
                 r.hardware.recording.empty() ? "" : " (recording " + r.hardware.recording + ")", to_string(r.tactic),
                 shown_us(r.us), shown_us(r.vendor_us), r.provenance.provisional ? "  provisional" : "");
    });
    if (state->json)
      fmt::print("{}\n", rows.dump(2));
    else
      fmt::print("{} records in {}\n", count, store->describe());
    return kOk;
  });
}

}  // namespace ak::cli
