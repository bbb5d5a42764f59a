#include <fmt/format.h>

#include <filesystem>

#include "cache/pack.hpp"
#include "cli/cli.hpp"
#include "cli/loops.hpp"
#include "cli/pieces.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"
#include "loop/winner.hpp"

namespace ak::cli {
namespace {

struct MergeState {
  std::vector<std::string> others;
  SearchArguments search;
  HardwareFilter hardware;
  bool dry_run = false, json = false;
};

bool same_versions(const Provenance& a, const Provenance& b) {
  return a.driver == b.driver && a.nvrtc == b.nvrtc && a.cublaslt == b.cublaslt && a.family_source == b.family_source &&
         a.kernel_source == b.kernel_source;
}

// Why the record that stands is kept; nullopt where the other one takes its place. A time that nobody here measured is a
// claim: it never displaces what was proven here.
std::optional<std::string> stays(const PlanRecord& stands, const PlanRecord& other) {
  const auto measured = [](const PlanRecord& r) { return std::pair(!unproven(r), !r.provenance.provisional); };
  if (stands == other) return "it is the same";
  if (measured(stands) != measured(other)) {
    if (measured(stands) < measured(other)) return std::nullopt;
    return unproven(other) ? "it is proven here" : "the other one's times are provisional";
  }
  if (same_versions(stands.provenance, other.provenance) && stands.regime == other.regime && stands.us > 0 && other.us > 0)
    return other.us < stands.us ? std::nullopt
                                : std::optional(fmt::format("{} against {}", shown_us(stands.us), shown_us(other.us)));
  return other.provenance.unix_time > stands.provenance.unix_time ? std::nullopt : std::optional<std::string>("it is newer");
}

std::int64_t made(const WorkRecord& r) {
  Piece piece;
  piece.other = std::make_shared<WorkRecord>(r);
  return time_of(piece);
}

std::optional<std::string> stays(const WorkRecord& stands, const WorkRecord& other) {
  if (stands == other) return "it is the same";
  if (unproven(stands) != unproven(other))
    return unproven(stands) ? std::nullopt : std::optional<std::string>("it is proven here");
  return made(other) > made(stands) ? std::nullopt : std::optional<std::string>("it is not older");
}

class Merging {
 public:
  Merging(const MergeState& state, Store& into) : state_(state), into_(into), lines_(state.json) {}

  void take(const std::string& other) {
    std::error_code error;
    if (!std::filesystem::is_directory(other, error)) return take_pack(other);
    if (std::filesystem::equivalent(other, into_.folder(), error)) return refuse(other, "it is the cache itself");
    if (const std::string damage = damaged_file(other); !damage.empty()) return refuse(other, "data.mdb: " + damage);
    std::string why;
    const auto from = open_store_to_read(other, why);
    if (!from) return refuse(other, why + "; `ak pack` of its owner writes a file that can be merged");
    from->for_each([&](const PlanRecord& r) { take(r, from.get()); });
    from->for_each_work({}, [&](const WorkRecord& r) { take(r); });
    if (const std::string fault = from->fault().reading; !fault.empty()) refuse(other, fault);
  }

  int end() {
    if (const std::string why = into_.fault().writing; !state_.dry_run && !why.empty())
      throw Error(ErrorCode::internal, fmt::format("not all was kept: {}", why));
    lines_.end({{"taken", taken_}, {"stands", stood_}, {"refused", refused_}, {"other_hardware", passed_over_}},
               fmt::format("{}{} taken, {} stood before, {} refused, {} of other hardware; {}",
                           state_.dry_run ? "would be: " : "", taken_, stood_, refused_, passed_over_, into_.describe()));
    return refused_ ? kFailed : kOk;
  }

 private:
  void refuse(const std::string& what, const std::string& why) { ++refused_, lines_.say("refused", what, why); }
  void stood(const std::string& of, const std::string& why) { ++stood_, lines_.say("stands", of, why); }
  void took(const std::string& of, const std::string& what) {
    ++taken_, lines_.say(state_.dry_run ? "would take" : "taken", of, what);
  }

  void take_pack(const std::string& file) {
    const Pack pack = read_pack(file);
    for (const std::string& fault : pack.faults) {
      const auto why = fault.find(": ", std::min(file.size(), fault.size()));  // after the file and its line
      refuse(fault.substr(0, why), why == fault.npos ? "" : fault.substr(why + 2));
    }
    for (const PackEntry& entry : pack.entries) take(entry.record, nullptr);
    for (const WorkRecord& r : pack.work) take(r);
  }

  // from: whose image and history come along; none of a pack.
  void take(const PlanRecord& r, Store* from) {
    if (!state_.hardware.takes(r)) return void(++passed_over_);
    const std::string of = fmt::format("{} on {}", to_string(r.problem), describe(r.hardware));
    if (const auto why = impossible(r)) return refuse(of, fmt::format("{}: {}", to_string(r.tactic), *why));
    const auto stands = into_.find(r.problem, r.hardware);
    if (const auto why = stands ? stays(*stands, r) : std::nullopt) return stood(of, *why);
    std::string image;
    if (from && r.cubin != Digest{}) {
      if (auto found = from->cubin(r.cubin)) image = std::move(*found);
      if (image.empty()) return refuse(of, "its image is lost or damaged");
    }
    if (!state_.dry_run) {
      into_.replace(r, image);
      if (from && into_.trials(r.problem, r.hardware).empty())
        into_.add_trials(r.problem, r.hardware, from->trials(r.problem, r.hardware));
    }
    took(of, to_string(r.tactic));
  }

  void take(const WorkRecord& r) {
    if (!state_.hardware.takes(r)) return void(++passed_over_);
    const std::string of = fmt::format("{} {}", r.kind, r.key);
    if (const std::string damage = damage_of(r); !damage.empty()) return refuse(of, damage);
    if (const std::string why = refused_text(r); !why.empty()) return refuse(of, why);
    const auto stands = into_.find_work(r.kind, r.key);
    if (const auto why = stands ? stays(*stands, r) : std::nullopt) return stood(of, *why);
    if (!state_.dry_run) into_.put_work(r);
    took(of, "");
  }

  const MergeState& state_;
  Store& into_;
  RecordLines lines_;
  int taken_ = 0, stood_ = 0, refused_ = 0, passed_over_ = 0;
};

int merge(const MergeState& state) {
  const std::string folder = resolve(state.search.options()).cache_dir;
  const auto store = state.dry_run ? open_cache_to_read(folder, false) : open_cache(folder);
  if (!store->persistent() && !state.dry_run)
    throw Error(ErrorCode::internal, fmt::format("nothing would be kept: {}", store->describe()));
  Merging merging(state, *store);
  for (const std::string& other : state.others) merging.take(other);
  return merging.end();
}

}  // namespace

void add_merge(Program& program) {
  auto state = std::make_shared<MergeState>();
  Command command = program.add_command("merge", "Take the records of other cache folders and of packs into the cache");
  command.option("other", state->others, "cache folders of this user or root, and files that `ak pack` wrote").required();
  state->search.add_cache_to(command);
  state->hardware.add_to(command);
  command.flag("--dry-run", state->dry_run, "only say what would be taken");
  command.flag("--json", state->json, "JSON instead of text");
  command.footer(
      "Of two winners of one problem the one that is proven on this machine stays; of two such the faster, or the newer where\n"
      "they were made with other versions. A folder's records come with their kernels and trials, a pack's are proven first.");
  command.on_run([state] { return merge(*state); });
}

}  // namespace ak::cli
