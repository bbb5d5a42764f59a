#include <fmt/format.h>

#include <functional>

#include "cli/cli.hpp"
#include "cli/pieces.hpp"
#include "context/context.hpp"

namespace ak::cli {
namespace {

constexpr std::string_view kSpare = "spare";  // goes with its problem's plan

struct RmState {
  ProblemArguments problem;
  SearchArguments search;
  HardwareFilter hardware;
  std::string kind, key;
  bool dry_run = false, json = false;
};

// A record of that key, or of those that begin with its words: a function's name is the first word of its loop's.
bool is_of(const std::string& key, const std::string& asked) {
  return asked.empty() || key == asked || key.starts_with(asked + " ");
}

int rm(const RmState& state) {
  if (!state.problem.given() && state.kind.empty() && state.hardware.text.empty())
    throw Error(ErrorCode::invalid_argument, "nothing is named: M N K, --kind TAG or --hardware TEXT");
  if (state.problem.given() && !state.kind.empty()) throw Error(ErrorCode::invalid_argument, "a problem or --kind, not both");
  if (!state.key.empty() && state.kind.empty()) throw Error(ErrorCode::invalid_argument, "--key goes with --kind");
  const std::string& text = state.problem.text;  // also of what this version would not serve
  std::optional<Problem> problem;
  if (state.problem.given())
    problem = text.empty() || !state.problem.sizes.empty() ? state.problem.problem() : parse_problem(text);

  const auto store = open_cache_to_read(resolve(state.search.options()).cache_dir, state.search.cache_given);
  const std::vector<Piece> all = store->pieces();
  if (cannot_be_read(*store)) return kFailed;
  const auto is_asked_for = [&](const Piece& piece) {
    if (const PlanRecord* r = piece.record.get())
      return state.hardware.takes(*r) && (!problem || r->problem == *problem) &&
             (state.kind.empty() || (state.kind == kGemm && state.key.empty()));
    const WorkRecord* r = piece.other.get();
    if (!r || !state.hardware.takes(*r)) return false;
    if (problem) return r->kind == kSpare && r->key.starts_with(to_string(*problem) + " on ");
    return state.kind.empty() || (r->kind == state.kind && is_of(r->key, state.key));
  };
  Chosen chosen(all);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (is_asked_for(all[i])) chosen.add(i);
  chosen.add_what_goes_along();
  const std::size_t records = chosen.count(Piece::plan) + chosen.count(Piece::work);
  if (!state.dry_run && records > 0) {
    if (!store->persistent()) throw Error(ErrorCode::internal, fmt::format("nothing can be removed: {}", store->describe()));
    store->drop(chosen.pieces());
    if (const std::string why = store->fault().writing; !why.empty())
      throw Error(ErrorCode::internal, fmt::format("nothing was removed: {}", why));
  }
  RecordLines lines(state.json);
  for (const Piece& piece : chosen.pieces())
    if (piece.record || piece.other) lines.say(state.dry_run ? "would remove" : "removed", shown(piece), "");
  if (records == 0) fmt::print(stderr, "no such record in {}\n", store->describe());
  lines.end({{"removed", records}, {"trials", chosen.count(Piece::trial)}, {"bytes", chosen.bytes()}},
            fmt::format("{}{} removed with {}: {}; {}", state.dry_run ? "would be: " : "", counted(records, "record"),
                        counted(chosen.count(Piece::trial), "trial"), shown_bytes(chosen.bytes()), store->describe()));
  return records ? kOk : kFailed;
}

}  // namespace

void add_rm(Program& program) {
  auto state = std::make_shared<RmState>();
  Command command = program.add_command("rm", "Remove records from the cache, with the trials of their searches");
  state->problem.add_to(command);
  command.option("--kind", state->kind, "instead, all of a kind of work: its tag (loop, quarantine), gemm for the GEMM");
  const std::function<void(const std::string&)> key = [state](const std::string& word) {
    if (word.empty()) throw Error(ErrorCode::invalid_argument, "--key: it is empty");
    state->key = word;
  };
  command.option("--key", key, "of that kind only this: a key as `ak ls --kind TAG` prints it, or a function's name");
  state->hardware.add_to(command);
  state->search.add_cache_to(command);
  command.flag("--dry-run", state->dry_run, "only say what would be removed");
  command.flag("--json", state->json, "JSON instead of text");
  command.on_run([state] { return rm(*state); });
}

}  // namespace ak::cli
