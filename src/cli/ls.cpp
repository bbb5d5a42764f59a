#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "cli/loops.hpp"
#include "context/context.hpp"
#include "loop/winner.hpp"

namespace ak::cli {
namespace {

using VisitWork = std::function<void(const std::function<void(const WorkRecord&)>&)>;

std::vector<WorkRecord> sorted(const VisitWork& for_each, std::string_view kind) {
  std::vector<WorkRecord> all;
  for_each([&](const WorkRecord& r) {
    if (r.kind == kind) all.push_back(r);
  });
  std::ranges::sort(all, {}, &WorkRecord::key);
  return all;
}

// What a kernel in quarantine did is a text.
Json row_of(const WorkRecord& r) {
  return r.kind == kQuarantine ? Json{{"kind", r.kind}, {"kernel", r.key}, {"why", r.local}} : to_json(r);
}

// One kind's records. What a kernel in quarantine did is a text; what is local of another kind is that kind's own.
void list_work(const VisitWork& for_each, const std::string& kind, const std::string& place, bool json) {
  const bool quarantine = kind == kQuarantine;
  Json rows = Json::array();
  int count = 0;
  for (const WorkRecord& r : sorted(for_each, kind)) {
    ++count;
    if (json)
      rows.push_back(row_of(r));
    else if (quarantine)
      fmt::print("{}: {}\n", printable_line(r.key), printable_line(r.local));
    else if (kind == loop::kLoop)
      fmt::print("{}\n", loop_line(r));
    else
      fmt::print("{}: {}{}\n", printable_line(r.key), printable_line(r.text.substr(0, r.text.find('\n'))),
                 unproven(r) ? "  to be proven" : fmt::format("  {} of this machine", counted(r.local.size(), "byte")));
  }
  if (json)
    print_json(rows);
  else
    fmt::print("{} in {}\n", quarantine ? counted(count, "kernel") + " in quarantine" : fmt::format("{} {}", count, kind),
               place);
}

std::map<std::string, int> other_kinds(const VisitWork& for_each) {
  std::map<std::string, int> counts;
  for_each([&](const WorkRecord& r) { ++counts[r.kind]; });
  return counts;
}

// "3 vector_add, 1 quarantine"; empty where there is none.
std::string shown_kinds(const std::map<std::string, int>& counts) {
  std::string text;
  for (const auto& [kind, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  return text;
}

}  // namespace

void add_ls(Program& program) {
  struct State {
    SearchArguments search;
    std::vector<std::string> packs;
    std::string kind;
    bool shipped = false, quarantined = false, json = false;
  };
  auto state = std::make_shared<State>();
  Command command = program.add_command("ls", "List the records of the cache, or of packs");
  command.option("pack", state->packs, "files that `ak pack` wrote, instead of the cache");
  command.flag("--shipped", state->shipped, "the pack that comes with the library");
  command.flag("--quarantined", state->quarantined, "the kernels that are never launched again, and what they did");
  command.option("--kind", state->kind, "only the records of one kind of work, by its tag: gemm, loop, quarantine");
  state->search.add_cache_to(command);
  command.flag("--json", state->json, "JSON instead of text");
  command.on_run([state] {
    Json rows = Json::array();
    int count = 0;
    const auto list = [&](const PlanRecord& r, const std::optional<Tactic>& own) {
      ++count;
      if (state->json) {
        Json row = to_json(r);
        if (own) row["own"] = to_string(*own);
        return rows.push_back(std::move(row));
      }
      fmt::print("{}\n    {}{}: {}  {}  {}{}{}\n", to_string(r.problem), r.hardware.gpu,
                 r.hardware.recording.empty() ? "" : " (recording " + r.hardware.recording + ")", to_string(r.tactic),
                 shown_us(r.us), shown_vendor(r.vendor_us, r.us),
                 r.bucket.none() || r.bucket.from == r.bucket.to ? "" : fmt::format("  serves m {}", shown_tokens(r.bucket)),
                 unproven(r)                ? "  to be proven"
                 : r.provenance.provisional ? "  provisional"
                                            : "");
    };
    std::vector<Pack> packs;
    for (const std::string& file : state->packs) packs.push_back(read_pack(file));
    if (state->shipped) packs.push_back(shipped_pack());
    const auto store =
        packs.empty() ? open_cache_to_read(resolve(state->search.options()).cache_dir, state->search.cache_given) : nullptr;
    std::string place = store ? store->describe() : "";
    int faults = 0;
    for (const Pack& pack : packs) {
      place += (place.empty() ? "" : ", ") + pack.name;
      for (const std::string& fault : pack.faults) ++faults, fmt::print(stderr, "{}\n", printable(fault));
    }
    const VisitWork for_each_work = [&](const std::function<void(const WorkRecord&)>& visit) {
      if (store) store->for_each_work({}, visit);
      for (const Pack& pack : packs)
        for (const WorkRecord& record : pack.work) visit(record);
    };
    const auto done = [&] { return (store && cannot_be_read(*store)) || faults ? kFailed : kOk; };
    const bool gemm_alone = state->kind == kGemm;
    if (state->quarantined || (!state->kind.empty() && !gemm_alone)) {
      const auto kinds = other_kinds(for_each_work);
      if (!state->kind.empty() && state->kind != kQuarantine && state->kind != loop::kLoop && !kinds.contains(state->kind)) {
        const std::string others = shown_kinds(kinds);
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("--kind: there is no kind '{}': there are {}, {}, {}{}", printable(state->kind), kGemm,
                                loop::kLoop, kQuarantine, others.empty() ? "" : "; here are " + others));
      }
      list_work(for_each_work, state->quarantined ? std::string(kQuarantine) : state->kind, place, state->json);
      return done();
    }
    if (store) {
      std::vector<PlanRecord> records;
      store->for_each([&](const PlanRecord& r) { records.push_back(r); });
      std::ranges::sort(records, {}, [](const PlanRecord& r) {  // as a pack is
        return std::tuple(r.hardware.gpu, r.hardware.recording, r.problem.m, r.problem.n, r.problem.k, to_string(r.problem));
      });
      for (const PlanRecord& r : records) list(r, {});
    }
    for (const Pack& pack : packs)
      for (const PackEntry& entry : pack.entries) list(entry.record, entry.own);
    const auto kinds = gemm_alone ? std::map<std::string, int>() : other_kinds(for_each_work);
    if (state->json) {
      for (const auto& [kind, number] : kinds)
        for (const WorkRecord& r : sorted(for_each_work, kind)) rows.push_back(row_of(r));
      print_json(rows);
      return done();
    }
    if (!gemm_alone)
      for (const WorkRecord& r : sorted(for_each_work, loop::kLoop)) fmt::print("{}\n", loop_line(r));
    fmt::print("# {} in {}\n{}", counted(count, "record"), place,
               kinds.empty() ? "" : fmt::format("# {}: of other kinds\n", shown_kinds(kinds)));
    return done();
  });
}

}  // namespace ak::cli
