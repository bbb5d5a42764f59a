// A machine without a GPU and without a compiler, and a context over it: the cold path is tested with real store and search.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include "context/context.hpp"
#include "core/bucket.hpp"
#include "landscape.hpp"

namespace ak::testing {

class FakePlan final : public LaunchPlan {
 public:
  FakePlan(Tactic tactic, std::string image, std::atomic<int>& launches, std::int64_t workspace = 0)
      : image(std::move(image)), tactic_(tactic), launches_(launches), workspace_(workspace) {}
  std::int64_t workspace_bytes() const override { return workspace_; }
  bool try_launch(Stream, const CallArgs& args) const override {
    if (args.workspace && args.workspace_bytes < workspace_) refuse_workspace(args.workspace_bytes, workspace_);
    vendor_ran_last = is_vendor(tactic_);
    ++launches_;
    return true;
  }
  const Tactic& tactic() const override { return tactic_; }
  const std::string image;
  static inline std::atomic<bool> vendor_ran_last{false};

 private:
  Tactic tactic_;
  std::atomic<int>& launches_;
  std::int64_t workspace_;
};

// What the machine is like and what was asked of it; shared with the test, since the context owns the machine.
struct World {
  Landscape land;
  DeviceFacts device;
  Hardware hardware = Hardware::of(DeviceFacts{});
  Provenance today = [] {
    Provenance p;
    p.driver = "580.1", p.nvrtc = "13.0", p.cublaslt = "13.1", p.family_source = digest("kernels"),
    p.kernel_source = digest("kernel");
    return p;
  }();
  bool proven = false;     // the kernel that stands by
  bool files_tell = true;  // the libraries' versions are known without opening them
  bool has_vendor = true, has_untuned = true, launches = true;
  bool vendor_comes = false;  // what cuBLASLt lacks it may have later
  std::optional<std::string> no_compiler;
  std::vector<double> vendor_us = {60, 52};
  double finals_scale = 1, drift = 0, quick_s = 0.0002, warm_up_s = 0;
  std::atomic<bool> capturing{false}, foreign_stream{false}, runner_breaks{false}, no_memory{false}, load_breaks{false},
      pass_breaks{false}, breaks_when_wrong{false},
      no_time{false}, gate{false};  // gate: trials wait while it is shut
  int ordinal = 0;
  std::int64_t device_bytes = 0;  // that are free; 0: without end
  Allowance allowance;            // of the last runner
  std::optional<Tactic> wrong;    // computes wrongly from now on
  std::int64_t vendor_wins_to = 0;  // m up to which cuBLASLt is faster than any kernel
  std::int64_t wrong_to = 0;        // m up to which wrong_there computes wrongly
  std::optional<Tactic> wrong_there;
  std::int64_t workspace = 0;  // of loaded kernels, but of none of cuBLASLt's
  std::atomic<std::int64_t> no_room_at = 0;  // m that cannot be searched for
  mutable std::atomic<int> opened{0};
  std::atomic<int> warmed{0}, runners{0}, loads{0}, vendor_plans{0}, passes{0}, launched{0}, searching{0}, most_searching{0};
  std::vector<Tactic> ran_first;       // of each runner
  std::vector<std::int64_t> timed_at;  // m of each
  std::vector<double> allowed;         // seconds of each
  std::vector<Machine::Coming> coming;  // what was to be compiled ahead, last
  std::function<void()> while_loading;  // once, by the next load
  std::mutex mutex;
};

class FakeMachine final : public Machine {
 public:
  explicit FakeMachine(World& world) : w_(world) {}
  const DeviceFacts& device() const override { return w_.device; }
  const Hardware& hardware() const override { return w_.hardware; }
  bool launches() const override { return w_.launches; }
  std::optional<std::string> no_compiler() const override { return w_.no_compiler; }
  Provenance provenance(const Problem&, const Tactic& tactic, bool open_libraries) const override {
    Provenance p = w_.today;
    w_.opened += open_libraries;
    if (!open_libraries && !w_.files_tell) p.nvrtc.clear(), tactic.family == FamilyId::vendor ? void() : p.cublaslt.clear();
    if (tactic.family == FamilyId::vendor) p.family_source = p.kernel_source = {};
    return p;
  }
  void warm_up(const Problem&, const std::stop_token&) override {
    ++w_.warmed;
    std::this_thread::sleep_for(std::chrono::duration<double>(w_.warm_up_s));
  }
  int device_ordinal() const override { return w_.ordinal; }
  std::int64_t device_bytes() const override { return w_.device_bytes > 0 ? w_.device_bytes : Machine::device_bytes(); }
  std::shared_ptr<void> enter() const override { return nullptr; }
  bool capturing(Stream) const override { return w_.capturing; }
  void check_stream(Stream) const override {
    if (w_.foreign_stream) throw Error(ErrorCode::invalid_argument, "stream: belongs to another CUDA context");
  }
  Space space(const Problem&) const override { return w_.land.space(); }
  std::shared_ptr<void> compile_ahead(std::vector<Coming> coming, const Allowance&) override {
    w_.coming = std::move(coming);
    return nullptr;
  }

  struct Watched : Runner {
    Watched(World& w, Quarantine* quarantine) : w(w), quarantine(quarantine) {
      inner.land = w.land, inner.vendor_us = w.vendor_us, inner.finals_scale = w.finals_scale, inner.drift = w.drift,
      inner.quick_s = w.quick_s;
      const int now = ++w.searching;
      if (now > w.most_searching) w.most_searching = now;
    }
    ~Watched() override {
      --w.searching;
      const std::lock_guard lock(w.mutex);
      const auto own =
          std::find_if(inner.ran.begin(), inner.ran.end(), [](const Tactic& t) { return t.family != FamilyId::vendor; });
      if (own != inner.ran.end()) w.ran_first.push_back(*own);
    }
    std::vector<Tactic> vendor_tactics(Deadline deadline) override { return inner.vendor_tactics(deadline); }
    void prefetch(std::span<const Tactic> t) override { inner.prefetch(t); }
    bool ready(const Tactic& t) override { return inner.ready(t); }
    Trial run(const Tactic& t, Effort e, Deadline d) override {
      while (w.gate && !d.stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (w.no_memory) throw std::bad_alloc();
      if (w.runner_breaks) throw Error(ErrorCode::driver, "the device is gone");
      if (quarantine && !is_vendor(t) && quarantine->why(w.today.kernel_source)) {
        Trial trial;
        trial.tactic = t, trial.outcome = Outcome::constraints, trial.why = "in quarantine";
        return trial;
      }
      if (w.no_time && !is_vendor(t)) {
        Trial trial;
        trial.tactic = t, trial.outcome = Outcome::timeout, trial.why = "not compiled in time";
        return trial;
      }
      if (t == w.wrong || (m <= w.wrong_to && t == w.wrong_there)) {
        if (w.breaks_when_wrong) w.runner_breaks = true;
        Trial trial;
        trial.tactic = t, trial.outcome = Outcome::incorrect, trial.why = "element 1 is wrong";
        return trial;
      }
      return inner.run(t, e, d);
    }
    std::vector<Trial> finals(std::span<const Tactic> t, Deadline d) override { return inner.finals(t, d); }
    Artifact artifact(const Tactic& t) override { return inner.artifact(t); }
    VendorTimes vendor() override { return inner.vendor(); }
    int compiles() const override { return inner.compiles(); }
    double anchor_drift() override { return inner.drift; }
    World& w;
    std::int64_t m = 0;
    Quarantine* const quarantine;
    FakeRunner inner;
  };
  std::unique_ptr<Runner> runner(const Problem& problem, const Allowance& allowance, Quarantine* quarantine) override {
    if (problem.m == w_.no_room_at) throw Error(ErrorCode::out_of_memory, "no room");
    ++w_.runners;
    w_.allowance = allowance;
    auto runner = std::make_unique<Watched>(w_, quarantine);
    runner->m = problem.m;
    if (problem.m <= w_.vendor_wins_to) runner->inner.vendor_us = {1};
    const std::lock_guard lock(w_.mutex);
    w_.timed_at.push_back(problem.m);
    w_.allowed.push_back(allowance.seconds);
    return runner;
  }
  PlanPtr load(const PlanRecord& record, std::string_view cubin, bool) override {
    if (w_.load_breaks) throw Error(ErrorCode::driver, "cannot be loaded");
    ++w_.loads;
    const auto meanwhile = [&] {
      const std::lock_guard lock(w_.mutex);
      return std::exchange(w_.while_loading, {});
    }();
    if (meanwhile) meanwhile();
    if (!w_.launches) return nullptr;
    return std::make_shared<FakePlan>(record.tactic, std::string(cubin), w_.launched,
                                      is_vendor(record.tactic) ? 0 : w_.workspace);
  }
  PlanPtr vendor_without_scratch(const Problem&) override {
    return std::make_shared<FakePlan>(vendor_tactic(0), "", w_.launched);
  }
  PlanPtr vendor(const Problem&, Lack& lack) override {
    if (!w_.has_vendor) return lack = {"cuBLASLt is not available", w_.vendor_comes}, nullptr;
    ++w_.vendor_plans;
    return std::make_shared<FakePlan>(vendor_tactic(0), "", w_.launched);
  }
  PlanPtr untuned(const Problem& problem, const Proving& proving, std::string& why) override {
    if (!proving.allowance && !w_.proven) return why = "nothing was proven before", nullptr;
    w_.proven = true;
    if (!w_.has_untuned) return why = "NVRTC is not available", nullptr;
    return std::make_shared<FakePlan>(space(problem).tactics.front().tactic, "untuned", w_.launched);
  }
  PlanPtr pass(const Problem&) override {
    if (w_.pass_breaks) throw Error(ErrorCode::unsupported, "nothing serves it");
    ++w_.passes;
    return std::make_shared<FakePlan>(Tactic{}, "pass", w_.launched);
  }

 private:
  World& w_;
};

inline Settings quick(Mode mode = Mode::tune) {
  Settings s;
  s.mode = mode;
  s.budget_s = 5;  // its trials end a search, on a busy machine too
  s.max_trials = 40;
  s.cache_dir = "";
  s.shipped = false;
  return s;
}

// A context over a world; several may share a folder.
struct Fixture {
  World world;
  Problem problem = with_tokens(world.land.problem, 1);  // a bucket of its own
  Clock::time_point now = Clock::now();  // of retries
  std::unique_ptr<Context::Impl> context;

  explicit Fixture(Settings settings = quick()) { open(std::move(settings)); }
  void open(Settings settings) {
    context =
        std::make_unique<Context::Impl>(std::move(settings), std::make_unique<FakeMachine>(world), [this] { return now; });
  }
  void call() { context->matmul_act(nullptr, problem, {}); }
};

inline std::string fresh_folder(const char* name) {
  const std::string folder = std::string(AK_BINARY_DIR) + "/" + name;
  std::filesystem::remove_all(folder);
  return folder;
}

}  // namespace ak::testing
