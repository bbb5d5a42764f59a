#include "cache/pack.hpp"

#include <fmt/format.h>

#include "cli/cli.hpp"
#include "cli/loops.hpp"
#include "context/context.hpp"

namespace ak::cli {
namespace {

struct PackState {
  std::string out, from;
  HardwareFilter hardware;
  bool provisional = false, json = false;
};

// The fastest own kernel of a problem that cuBLASLt won.
std::optional<Tactic> best_own(Store& store, const PlanRecord& record) {
  std::optional<Trial> best;
  for (const Trial& t : store.trials(record.problem, record.hardware))
    if (t.correct() && !is_vendor(t.tactic) &&
        (!best || std::pair(!t.final_timing, t.us) < std::pair(!best->final_timing, best->us)))
      best = t;
  return best ? std::optional(best->tactic) : std::nullopt;
}

// A pack of a part would be taken for the whole.
void must_be_readable(const Store& store) {
  if (const std::string why = store.fault().reading; !why.empty())
    throw Error(ErrorCode::internal, fmt::format("the records cannot be read: {}", why));
}

int pack(const PackState& state) {
  Options options;
  if (!state.from.empty()) options.cache_dir = state.from;
  const auto store = open_cache_to_read(resolve(options).cache_dir, !state.from.empty());
  std::vector<PlanRecord> records;
  store->for_each([&](const PlanRecord& record) { records.push_back(record); });
  must_be_readable(*store);
  std::vector<PackEntry> entries;
  std::vector<WorkRecord> work;
  std::size_t seen = records.size();
  int recorded = 0, provisional = 0, imported = 0, elsewhere = 0, local = 0, damaged = 0;
  for (const PlanRecord& r : records) {
    if (!r.hardware.recording.empty())
      ++recorded;
    else if (unproven(r))
      ++imported;
    else if (r.provenance.provisional && !state.provisional)
      ++provisional;
    else if (!state.hardware.takes(r))
      ++elsewhere;
    else
      entries.push_back({r, is_vendor(r.tactic) ? best_own(*store, r) : std::nullopt});
  }
  store->for_each_work({}, [&](const WorkRecord& r) {
    ++seen;
    if (r.text.empty())
      ++local;
    else if (unproven(r))
      ++imported;
    else if (!state.hardware.takes(r))
      ++elsewhere;
    else if (!damage_of(r).empty())
      ++damaged;
    else
      work.push_back(r);
  });
  must_be_readable(*store);
  const std::size_t packed = entries.size() + work.size();
  if (packed == 0)
    fmt::print(stderr,
               "nothing to pack among {} of {}: {} of recordings, {} provisional, {} imported and not proven here yet, {} of "
               "other hardware, {} that hold here alone, {} damaged\n",
               counted(seen, "record"), store->describe(), recorded, provisional, imported, elsewhere, local, damaged);
  else
    write_pack(state.out, std::move(entries), work);
  const int code = packed ? kOk : kFailed;
  if (state.json) {
    print_json(Json{{"packed", packed},
                    {"left_out",
                     {{"of_recordings", recorded},
                      {"provisional", provisional},
                      {"imported_and_unproven", imported},
                      {"other_hardware", elsewhere},
                      {"local", local},
                      {"damaged", damaged}}}});
    return code;
  }
  if (packed == 0) return code;
  fmt::print("{}: {} of {}\n", state.out, counted(packed, "record"), store->describe());
  const auto left_out = [](int count, const char* why) {
    if (count) fmt::print("left out: {} {}\n", count, why);
  };
  left_out(recorded, "found on recordings");
  left_out(provisional, "provisional: the GPU was busy (--provisional takes them)");
  left_out(imported, "imported and not proven on this machine");
  left_out(elsewhere, "of other hardware");
  left_out(local, "that hold on this machine alone, as a quarantine does");
  left_out(damaged, "damaged: `ak verify` names them");
  return code;
}

}  // namespace

void add_pack(Program& program) {
  auto state = std::make_shared<PackState>();
  Command command = program.add_command("pack", "Write the cache's winners to one portable file");
  command.option("out", state->out, "the pack: text, without cubins, for `ak import` or AK_PACKS elsewhere").required();
  command.option("--from,--cache", state->from, "folder of the records (AK_CACHE_DIR)");
  state->hardware.add_to(command);
  command.flag("--provisional", state->provisional, "also records that were timed on a busy GPU");
  command.flag("--json", state->json, "JSON instead of text");
  command.on_run([state] { return pack(*state); });
}

}  // namespace ak::cli
