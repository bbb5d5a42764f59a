#include <fmt/format.h>

#include <filesystem>

#include "cli/cli.hpp"
#include "cli/loops.hpp"
#include "cli/pieces.hpp"
#include "context/context.hpp"

namespace ak::cli {
namespace {

struct VerifyCacheState {
  SearchArguments search;
  bool repair = false, json = false;
};

std::shared_ptr<Store> open_to_verify(const std::string& folder, const VerifyCacheState& state) {
  std::error_code error;
  const bool absent = std::filesystem::status(folder, error).type() == std::filesystem::file_type::not_found;
  if (folder.empty() || absent) return open_cache_to_read(folder, state.search.cache_given);
  std::string why;
  auto store = state.repair ? open_cache(folder) : open_store_to_read(folder, why);
  if (!store) throw Error(ErrorCode::internal, fmt::format("{}: {}", folder, why));
  if (state.repair && !store->persistent())
    throw Error(ErrorCode::internal, fmt::format("nothing can be repaired: {}", store->describe()));
  return store;
}

int verify(const VerifyCacheState& state) {
  const std::string folder = resolve(state.search.options()).cache_dir;
  RecordLines lines(state.json);
  std::vector<Piece> damaged;
  const char* const done = state.repair ? "dropped" : "damaged";
  const std::string whole = damaged_file(folder);
  if (!whole.empty()) lines.say(state.repair ? "moved" : "damaged", folder + "/data.mdb", whole);
  if (state.repair && !whole.empty()) set_aside(folder, whole);
  if (!whole.empty() && !state.repair) {
    lines.end({{"checked", 0}, {"damaged", 1}, {"dropped", 0}, {"unknown", 0}}, "nothing else was read; " + folder);
    return kFailed;
  }

  const auto store = open_to_verify(folder, state);
  const std::vector<Piece> all = store->pieces();
  if (cannot_be_read(*store)) return kFailed;
  std::size_t unknown = 0;
  for (Piece piece : all) {
    unknown += piece.unknown;
    if (piece.damage.empty() && piece.other) piece.damage = damage_of(*piece.other);
    if (!piece.damage.empty()) damaged.push_back(std::move(piece));
  }
  const std::size_t dropped = state.repair && !damaged.empty() ? store->drop(damaged) : 0;
  for (const Piece& piece : damaged) lines.say(done, shown(piece), piece.damage);
  if (const std::string why = store->fault().writing; state.repair && !why.empty())
    throw Error(ErrorCode::internal, fmt::format("nothing was repaired: {}", why));
  const std::size_t faults = damaged.size() + !whole.empty();
  lines.end({{"checked", all.size()}, {"damaged", faults}, {"dropped", dropped + !whole.empty()}, {"unknown", unknown}},
            fmt::format("{} checked, {} damaged{}{}; {}", counted(all.size(), "piece"), faults,
                        state.repair && faults ? " and dropped" : "",
                        unknown ? fmt::format(", {} of a newer version", unknown) : "", store->describe()));
  return faults ? kFailed : kOk;
}

}  // namespace

void add_verify(Program& program) {
  auto state = std::make_shared<VerifyCacheState>();
  Command command =
      program.add_command("verify", "Read all that the cache holds and compare it with its keys and checksums; needs no GPU");
  state->search.add_cache_to(command);
  command.flag("--repair", state->repair, "drop what is damaged: the next call for it searches again");
  command.flag("--json", state->json, "JSON instead of text");
  command.footer("Exit code 1 where anything is damaged, also when it was repaired.");
  command.on_run([state] { return verify(*state); });
}

}  // namespace ak::cli
