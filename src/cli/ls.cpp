#include <fmt/format.h>

#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "context/context.hpp"
#include "context/stored_quarantine.hpp"

namespace ak::cli {

void add_ls(CLI::App& app) {
  struct State {
    SearchArguments search;
    std::vector<std::string> packs;
    bool shipped = false, quarantined = false, json = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = app.add_subcommand("ls", "List the records of the cache, or of packs");
  command->add_option("pack", state->packs, "files that `ak pack` wrote, instead of the cache");
  command->add_flag("--shipped", state->shipped, "the pack that comes with the library");
  command->add_flag("--quarantined", state->quarantined, "the kernels that are never launched again, and what they did");
  state->search.add_cache_to(command);
  command->add_flag("--json", state->json);
  on_run(command, [state] {
    Json rows = Json::array();
    int count = 0;
    if (state->quarantined) {
      const auto store = open_cache(resolve(state->search.options()).cache_dir);
      store->for_each_work(kQuarantine, [&](const WorkRecord& r) {
        ++count;
        if (state->json)
          rows.push_back({{"kernel", r.key}, {"why", r.value}});
        else
          fmt::print("{}: {}\n", r.key, r.value);
      });
      if (state->json)
        print_json(rows);
      else
        fmt::print("{} kernels in quarantine in {}\n", count, store->describe());
      return cannot_be_read(*store) ? kFailed : kOk;
    }
    const auto list = [&](const PlanRecord& r, const std::optional<Tactic>& own) {
      ++count;
      if (state->json) {
        Json row = to_json(r);
        if (own) row["own"] = to_string(*own);
        return rows.push_back(std::move(row));
      }
      fmt::print("{}\n    {}{}: {}  {}  vendor {}{}\n", to_string(r.problem), r.hardware.gpu,
                 r.hardware.recording.empty() ? "" : " (recording " + r.hardware.recording + ")", to_string(r.tactic),
                 shown_us(r.us), shown_us(r.vendor_us),
                 unproven(r)                ? "  to be proven"
                 : r.provenance.provisional ? "  provisional"
                                            : "");
    };
    std::vector<Pack> packs;
    for (const std::string& file : state->packs) packs.push_back(read_pack(file));
    if (state->shipped) packs.push_back(shipped_pack());
    std::string place;
    int faults = 0;
    if (packs.empty()) {
      const auto store = open_cache(resolve(state->search.options()).cache_dir);
      store->for_each([&](const PlanRecord& r) { list(r, {}); });
      place = store->describe();
      faults += cannot_be_read(*store);
    }
    for (const Pack& pack : packs) {
      for (const PackEntry& entry : pack.entries) list(entry.record, entry.own);
      for (const std::string& fault : pack.faults) ++faults, fmt::print(stderr, "{}\n", fault);
      place += (place.empty() ? "" : ", ") + pack.name;
    }
    if (state->json)
      print_json(rows);
    else
      fmt::print("{} records in {}\n", count, place);
    return faults ? kFailed : kOk;
  });
}

}  // namespace ak::cli
