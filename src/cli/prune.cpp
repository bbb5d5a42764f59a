#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <map>
#include <set>

#include "cli/cli.hpp"
#include "cli/pieces.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"
#include "context/stored.hpp"
#include "families/family.hpp"
#include "jit/source.hpp"

namespace ak::cli {
namespace {

constexpr double kUnset = std::numeric_limits<double>::infinity();  // no record is so old, no store so big

struct PruneState {
  SearchArguments search;
  HardwareFilter hardware;
  double days = kUnset, mib = kUnset;
  int keep = 0;
  bool dry_run = false, json = false;
};

// Takes record after record, each with its reason, and knows how many bytes would be left.
class Pruning {
 public:
  Pruning(const std::vector<Piece>& all, const PruneState& state) : all_(all), state_(state), chosen_(all), why_(all.size()) {
    for (const Piece& piece : all_) {
      left_ += piece.bytes;
      if (piece.kind == Piece::trial) history_[std::string(plan_of(piece))] += piece.bytes;
      if (piece.kind == Piece::image) images_[piece.key].bytes = piece.bytes;
      if (piece.record) ++images_[image_of(*piece.record)].plans;
      if (piece.other && piece.other->kind == kQuarantine) quarantine_.insert(piece.other->key);
    }
  }

  const Chosen& run() {
    take_what_no_plan_needs();
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (const PlanRecord* r = all_[i].record.get(); r && is_mine(all_[i]))
        if (auto why = out_of_service(*r)) take(i, std::move(*why));
    by_age();
    chosen_.add_what_goes_along();
    return chosen_;
  }
  const std::string& why(std::size_t piece) const { return why_[piece]; }

 private:
  static std::string_view plan_of(const Piece& trial) { return std::string_view(trial.key).substr(0, 16); }
  static std::string image_of(const PlanRecord& r) {
    const auto key = r.cubin.bytes();
    return {key.begin(), key.end()};
  }

  void take(std::size_t at, std::string why) {
    const Piece& piece = all_[at];
    chosen_.add(at), why_[at] = std::move(why);
    left_ -= piece.bytes;
    if (!piece.record) return;
    if (const auto history = history_.find(piece.key); history != history_.end()) left_ -= history->second;
    if (Image& image = images_[image_of(*piece.record)]; --image.plans == 0) left_ -= image.bytes;
  }

  bool is_mine(const Piece& piece) const {
    if (piece.record) return state_.hardware.takes(*piece.record);
    return piece.other && piece.other->kind != kQuarantine && state_.hardware.takes(*piece.other);
  }

  std::optional<std::string> out_of_service(const PlanRecord& r) const {
    if (is_vendor(r.tactic)) return std::nullopt;
    const auto files = family(r.tactic.family).sources();
    Provenance today;
    today.family_source = source_digest(files);
    today.kernel_source = kernel_digest(files, r.problem, r.tactic, facts_of(r.hardware).arch());
    if (auto why = other_code(r, today)) return why;
    const std::string kernel = fmt::format("{} on {}", today.kernel_source.hex(), describe(r.hardware));
    return quarantine_.contains(kernel) ? std::optional<std::string>("its kernel is in quarantine") : std::nullopt;
  }

  // Oldest first; what does not say when it was made is taken for new.
  void by_age() {
    std::vector<std::pair<std::int64_t, std::size_t>> records;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (chosen_.has(i) || !is_mine(all_[i])) continue;
      const std::int64_t time = time_of(all_[i]);
      records.emplace_back(time > 0 ? time : std::numeric_limits<std::int64_t>::max(), i);
    }
    std::ranges::sort(records);
    records.resize(records.size() - std::min(records.size(), static_cast<std::size_t>(state_.keep)));
    const double oldest = static_cast<double>(std::time(nullptr)) - state_.days * 86400;
    for (const auto& [time, piece] : records)
      if (static_cast<double>(time) < oldest)
        take(piece, fmt::format("older than {} days", state_.days));
      else if (static_cast<double>(left_) > state_.mib * (1 << 20))
        take(piece, fmt::format("the oldest, and there are more than {} MiB", state_.mib));
  }

  void take_what_no_plan_needs() {
    std::set<std::string_view> plans;
    for (const Piece& piece : all_)
      if (piece.kind == Piece::plan) plans.insert(piece.key);
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (all_[i].kind == Piece::trial && !plans.contains(plan_of(all_[i]))) take(i, {});
    for (const auto& [key, image] : images_)
      if (image.plans == 0) left_ -= image.bytes;
  }

  struct Image {
    std::uint64_t bytes = 0;
    int plans = 0;  // that name it and are not taken
  };
  const std::vector<Piece>& all_;
  const PruneState& state_;
  Chosen chosen_;
  std::vector<std::string> why_;
  std::uint64_t left_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> history_;  // bytes, by plan
  std::map<std::string, Image, std::less<>> images_;
  std::set<std::string> quarantine_;  // "kernel on hardware"
};

int prune(const PruneState& state) {
  if (!(state.days >= 0)) throw Error(ErrorCode::invalid_argument, "--older-than: days from 0 are expected");
  if (!(state.mib >= 0)) throw Error(ErrorCode::invalid_argument, "--to: MiB from 0 are expected");
  const auto store = open_cache_to_read(resolve(state.search.options()).cache_dir, state.search.cache_given);
  const std::vector<Piece> all = store->pieces();
  if (cannot_be_read(*store)) return kFailed;
  Pruning pruning(all, state);
  const Chosen& chosen = pruning.run();
  const std::vector<Piece> pieces = chosen.pieces();
  if (!state.dry_run && !pieces.empty()) {
    if (!store->persistent()) throw Error(ErrorCode::internal, fmt::format("nothing can be removed: {}", store->describe()));
    store->drop(pieces);
    if (const std::string why = store->fault().writing; !why.empty())
      throw Error(ErrorCode::internal, fmt::format("nothing was removed: {}", why));
  }
  RecordLines lines(state.json);
  std::uint64_t kept = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!chosen.has(i)) kept += all[i].bytes;
    if (chosen.has(i) && (all[i].record || all[i].other))
      lines.say(state.dry_run ? "would remove" : "removed", shown(all[i]), pruning.why(i));
  }
  const std::size_t records = chosen.count(Piece::plan) + chosen.count(Piece::work);
  lines.end(
      {{"removed", records},
       {"trials", chosen.count(Piece::trial)},
       {"images", chosen.count(Piece::image)},
       {"bytes", chosen.bytes()},
       {"bytes_kept", kept}},
      fmt::format("{}{} removed with {} and {}: {}; {} in {}", state.dry_run ? "would be: " : "", counted(records, "record"),
                  counted(chosen.count(Piece::trial), "trial"), counted(chosen.count(Piece::image), "image"),
                  shown_bytes(chosen.bytes()), shown_bytes(kept), store->describe()));
  return kOk;
}

}  // namespace

void add_prune(Program& program) {
  auto state = std::make_shared<PruneState>();
  Command command = program.add_command(
      "prune",
      "Remove what can serve no more: winners of other kernel sources or in quarantine, trials and images without one");
  command.option("--older-than", state->days, "also records made longer ago: DAYS");
  command.option("--to", state->mib, "also the oldest, until those left take no more than so many MiB");
  command.option("--keep", state->keep, "the newest so many stay, whatever --older-than and --to say")
      .count_above_zero("records");
  state->hardware.add_to(command);
  state->search.add_cache_to(command);
  command.flag("--dry-run", state->dry_run, "only say what would be removed");
  command.flag("--json", state->json, "JSON instead of text");
  command.footer(
      "Kernels in quarantine stay there (`ak rm --kind quarantine`). The room is used again by what comes next; the file\n"
      "does not get shorter.");
  command.on_run([state] { return prune(*state); });
}

}  // namespace ak::cli
