#include <fmt/format.h>

#include <map>

#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "context/context.hpp"
#include "context/stored_quarantine.hpp"

namespace ak::cli {
namespace {

// What a kernel in quarantine did is a text; a value of another kind is that kind's own.
Exit list_work(Store& store, const std::string& kind, bool json) {
  const bool quarantine = kind == kQuarantine;
  Json rows = Json::array();
  int count = 0;
  store.for_each_work(kind, [&](const WorkRecord& r) {
    ++count;
    if (json && quarantine)
      rows.push_back({{"kernel", r.key}, {"why", r.value}});
    else if (json)
      rows.push_back({{"key", r.key}, {"bytes", r.value.size()}});
    else if (quarantine)
      fmt::print("{}: {}\n", r.key, r.value);
    else
      fmt::print("{}: {} bytes\n", r.key, r.value.size());
  });
  if (json)
    print_json(rows);
  else
    fmt::print("{} {} in {}\n", count, quarantine ? "kernels in quarantine" : kind, store.describe());
  return cannot_be_read(store) ? kFailed : kOk;
}

// "3 vector_add, 1 quarantine"; empty where there is none.
std::string other_work(Store& store) {
  std::map<std::string, int> counts;
  store.for_each_work({}, [&](const WorkRecord& r) { ++counts[r.kind]; });
  std::string text;
  for (const auto& [kind, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  return text;
}

}  // namespace

void add_ls(CLI::App& app) {
  struct State {
    SearchArguments search;
    std::vector<std::string> packs;
    std::string kind;
    bool shipped = false, quarantined = false, json = false;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = app.add_subcommand("ls", "List the records of the cache, or of packs");
  command->add_option("pack", state->packs, "files that `ak pack` wrote, instead of the cache");
  command->add_flag("--shipped", state->shipped, "the pack that comes with the library");
  command->add_flag("--quarantined", state->quarantined, "the kernels that are never launched again, and what they did");
  command->add_option("--kind", state->kind, "what the cache holds of another kind of work than the GEMM, by its tag");
  state->search.add_cache_to(command);
  command->add_flag("--json", state->json);
  on_run(command, [state] {
    if (state->quarantined || !state->kind.empty()) {
      const auto store = open_cache(resolve(state->search.options()).cache_dir);
      return list_work(*store, state->quarantined ? std::string(kQuarantine) : state->kind, state->json);
    }
    Json rows = Json::array();
    int count = 0;
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
    std::string place, others;
    int faults = 0;
    if (packs.empty()) {
      const auto store = open_cache(resolve(state->search.options()).cache_dir);
      store->for_each([&](const PlanRecord& r) { list(r, {}); });
      place = store->describe();
      others = other_work(*store);
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
      fmt::print("{} records in {}\n{}", count, place, others.empty() ? "" : fmt::format("{}: of other kinds\n", others));
    return faults ? kFailed : kOk;
  });
}

}  // namespace ak::cli
