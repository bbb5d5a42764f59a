#include <fmt/format.h>

#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "cli/loops.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"

namespace ak::cli {
namespace {

struct ImportState {
  std::vector<std::string> packs;
  SearchArguments search;
  HardwareFilter hardware;
  bool force = false, dry_run = false, json = false;
};

int import(const ImportState& state) {
  const std::string folder = resolve(state.search.options()).cache_dir;
  const auto store = state.dry_run ? open_cache_to_read(folder, false) : open_cache(folder);
  if (!store->persistent() && !state.dry_run)
    throw Error(ErrorCode::internal, fmt::format("nothing would be kept: {}", store->describe()));
  const char* const taking = state.dry_run ? "would take" : "taken";
  RecordLines lines(state.json);
  int taken = 0, stands = 0, refused = 0, passed_over = 0;
  for (const std::string& file : state.packs) {
    const Pack pack = read_pack(file);
    for (const std::string& fault : pack.faults) {
      const auto why = fault.find(": ", std::min(file.size(), fault.size()));  // after the file and its line
      ++refused, lines.say("refused", fault.substr(0, why), why == fault.npos ? "" : fault.substr(why + 2));
    }
    for (const PackEntry& entry : pack.entries) {
      const PlanRecord& r = entry.record;
      if (!state.hardware.takes(r)) {
        ++passed_over;
        continue;
      }
      const std::string of = fmt::format("{} on {}", to_string(r.problem), describe(r.hardware));
      if (const auto why = impossible(r)) {
        ++refused;
        lines.say("refused", of, fmt::format("{}: {}", to_string(r.tactic), *why));
        continue;
      }
      const auto before = store->find(r.problem, r.hardware);
      if (before && !state.force) {
        ++stands;
        lines.say("stands", of, fmt::format("{} is there already", to_string(before->tactic)));
        continue;
      }
      if (!state.dry_run) state.force ? store->replace(r, {}) : void(store->put_if_absent(r, {}));
      ++taken;
      lines.say(taking, of, to_string(r.tactic));
    }
    for (const WorkRecord& r : pack.work) {
      if (!state.hardware.takes(r)) {
        ++passed_over;
        continue;
      }
      const std::string of = fmt::format("{} {}", r.kind, r.key);
      if (const std::string damage = damage_of(r); !damage.empty()) {
        ++refused, lines.say("refused", of, damage);
        continue;
      }
      if (const std::string why = refused_text(r); !why.empty()) {
        ++refused, lines.say("refused", of, why);
        continue;
      }
      if (store->find_work(r.kind, r.key) && !state.force) {
        ++stands;
        lines.say("stands", of, "there is one already");
        continue;
      }
      if (!state.dry_run) store->put_work(r);
      ++taken;
      lines.say(taking, of, "");
    }
  }
  lines.end({{"taken", taken}, {"stands", stands}, {"refused", refused}, {"other_hardware", passed_over}},
            fmt::format("{}{} taken, {} stood before, {} refused, {} of other hardware; {}", state.dry_run ? "would be: " : "",
                        taken, stands, refused, passed_over, store->describe()));
  return refused ? kFailed : kOk;
}

}  // namespace

void add_import(Program& program) {
  auto state = std::make_shared<ImportState>();
  Command command = program.add_command(
      "import", "Take the records of packs into the cache; each is compiled and proven by its first call or by `ak warm`");
  command.option("pack", state->packs, "files that `ak pack` wrote").required();
  state->search.add_cache_to(command);
  state->hardware.add_to(command);
  command.flag("--force", state->force, "replace records that stand");
  command.flag("--dry-run", state->dry_run, "only say what would be taken");
  command.flag("--json", state->json, "JSON instead of text");
  command.on_run([state] { return import(*state); });
}

}  // namespace ak::cli
