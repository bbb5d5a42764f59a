#include "recording/recorded_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "recording/recorded.hpp"

namespace ak {
namespace {

class Recorded final : public Machine {
 public:
  explicit Recorded(const std::string& path) : path_(path) {
    const auto files = recording_files(path);
    if (files.empty()) throw Error(ErrorCode::invalid_argument, fmt::format("no recording in '{}'", path));
    header_ = Recording::read(files.front()).header;
    std::filesystem::path leaf = path;
    if (!leaf.has_filename()) leaf = leaf.parent_path();
    std::string name = leaf.filename().string();
    hardware_ = Hardware::of(header_.device, name.substr(0, name.find(".json")));
  }

  const DeviceFacts& device() const override { return header_.device; }
  const Hardware& hardware() const override { return hardware_; }
  bool launches() const override { return false; }

  std::optional<std::string> no_compiler() const override {
    std::string why;
    return compiler_available(&why) ? std::nullopt : std::optional(why);
  }

  // The cubins are made here and now, the times are the recording's.
  Provenance provenance(const Problem& problem, const Tactic& tactic, bool open_libraries) const override {
    Provenance today;
    today.driver = header_.driver;
    today.cublaslt = header_.cublaslt;
    if (open_libraries) today.nvrtc = compiler_version();
    if (!is_vendor(tactic)) {
      const auto files = family(tactic.family).sources();
      const std::string folder = kernel_folder();
      today.family_source = source_digest(files, folder);
      today.kernel_source = kernel_digest(files, problem, tactic, header_.device.arch(), folder);
    }
    return today;
  }

  std::shared_ptr<void> enter() const override { return nullptr; }
  bool capturing(Stream) const override { return false; }
  void check_stream(Stream) const override {}

  Space space(const Problem& problem) const override {
    Space space = make_space(problem, header_.device);
    const auto recording = Recording::open(path_, problem);
    auto recorded = std::make_shared<std::unordered_map<Tactic, bool, TacticHash>>();
    if (recording)
      for (const RecordedTrial& each : recording->trials) recorded->emplace(each.trial.tactic, true);
    // What was recorded, ranked as of today: not all of it is enumerated still.
    space.tactics.clear();
    for (const auto& [tactic, is_known] : *recorded)
      if (!is_vendor(tactic) && !space.rejects(tactic)) space.tactics.push_back({tactic, space.cost_us(tactic)});
    std::sort(space.tactics.begin(), space.tactics.end(), [](const RankedTactic& a, const RankedTactic& b) {
      return std::pair(a.cost_us, to_string(a.tactic)) < std::pair(b.cost_us, to_string(b.tactic));
    });
    space.rejects = [recorded, rejects = std::move(space.rejects)](const Tactic& tactic) -> std::optional<std::string> {
      if (auto why = rejects(tactic)) return why;
      return recorded->contains(tactic) ? std::nullopt : std::optional<std::string>("not in the recording");
    };
    return space;
  }

  std::unique_ptr<Runner> runner(const Problem& problem, const Allowance& allowance, Quarantine*) override {
    auto recording = Recording::open(path_, problem);
    if (!recording)
      throw Error(ErrorCode::unsupported,
                  fmt::format("the recording {} does not hold {}{}", path_, to_string(problem), held()));
    return std::make_unique<RecordedTrials>(std::move(*recording), allowance);
  }

  PlanPtr load(const PlanRecord&, std::string_view, bool) override { return nullptr; }
  PlanPtr vendor(const Problem&, Lack& lack) override { return unlaunchable(lack.why); }
  PlanPtr untuned(const Problem&, const Proving&, std::string& why) override { return unlaunchable(why); }
  PlanPtr pass(const Problem&) override { throw Error(ErrorCode::unsupported, "nothing can be launched from a recording"); }

 private:
  std::string held() const {
    const auto files = recording_files(path_).size();
    return files == 1 ? ", but another problem" : fmt::format(", but {} others", files);
  }

  static PlanPtr unlaunchable(std::string& why) {
    why = "nothing can be launched from a recording";
    return nullptr;
  }

  const std::string path_;
  RecordingHeader header_;
  Hardware hardware_;
};

}  // namespace

std::unique_ptr<Machine> make_recording_machine(const std::string& path) { return std::make_unique<Recorded>(path); }

}  // namespace ak
