#include "machine/gpu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "families/family.hpp"
#include "gpu/device.hpp"
#include "gpu/owners.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"
#include "machine/compile_ahead.hpp"
#include "plan/kernel_plan.hpp"
#include "plan/pass.hpp"
#include "plan/resources.hpp"
#include "plan/vendor.hpp"
#include "proof/panel.hpp"
#include "runner/gpu_trials.hpp"
#include "tune/device_turn.hpp"
#include "worker/compiler_process.hpp"
#include "worker/gemm.hpp"
#include "worker/worker.hpp"

namespace ak {
namespace {

constexpr std::int64_t kWorkerContext = std::int64_t{576} << 20;  // 520 to 545 MiB on an H200
constexpr double kWorkerOpens = 5;                                // seconds; on an idle machine it takes less than one
constexpr int kWorkersFifths = 2;                                 // of a search's memory
constexpr double kStandbySeconds = 10;                            // to compile and prove a kernel that stands by
constexpr int kStandbyTries = 3;                                  // kernels
constexpr int kApplicationPart = 8;                               // of what is free, one in so many is left alone

// Not started; null with the reason and the remedy.
Worker* usable_worker(const GpuOptions& options, std::string& why) {
  std::string looked;
  const std::string program = find_worker(options.worker, &looked);
  std::optional<std::string> cannot;
  if (program.empty())
    cannot = fmt::format("no program ak-worker at {}; set AK_WORKER to where it is", looked);
  else if (const auto one = not_for_two_processes())
    cannot = fmt::format("{}; {}", one->why, one->remedy);
  if (!cannot) return &Worker::of(program, device_uuid());
  why = *cannot;
  return nullptr;
}

// Started.
Worker* ready_worker(const GpuOptions& options, std::string& why) {
  Worker* const worker = usable_worker(options, why);
  const auto cannot = worker ? worker->start() : std::nullopt;
  if (!cannot) return worker;
  why = *cannot;
  return nullptr;
}

struct NoProver final : Prover {
  explicit NoProver(std::string because) : why(std::move(because)) {}
  Proven prove(const Kernel&, Effort, Deadline) override { throw Unavailable{why}; }
  Proven prove_whole(const Kernel&, Deadline) override { throw Unavailable{why}; }
  const std::string why;
};

class Gpu final : public Machine {
 public:
  Gpu(Resources& resources, GpuOptions options)
      : resources_(resources), options_(std::move(options)), hardware_(Hardware::of(resources.facts())) {
    if (options_.scratch.allocate)
      scratch_ = Workspaces::of_caller(resources.context(), options_.scratch_bytes, options_.scratch);
    else
      resources.workspaces().set_cap(options_.scratch_bytes);
  }

  const DeviceFacts& device() const override { return resources_.facts(); }
  const Hardware& hardware() const override { return hardware_; }
  bool launches() const override { return true; }

  std::optional<std::string> no_compiler() const override {
    std::string why;
    return compiler().available(&why) ? std::nullopt : std::optional(why);
  }

  Compiler& compiler() const override { return apart() ? compiler_apart(options_.worker) : compiler_here(); }

  Provenance provenance(const Problem& problem, const Tactic& tactic, bool open_libraries) const override {
    const bool vendor = is_vendor(tactic);
    Provenance today;
    today.driver = driver_version();
    today.nvrtc = open_libraries ? compiler().version() : compiler_version_on_disk();
    if (!vendor && !open_libraries)
      today.cublaslt = vendor_version_on_disk();
    else if (vendor_available())
      today.cublaslt = vendor_version();
    if (!vendor) {
      const auto files = family(tactic.family).sources();
      today.family_source = source_digest(files, folder_);
      today.kernel_source = kernel_digest(files, problem, tactic, device().arch(), folder_);
    }
    return today;
  }

  void warm_up(const Problem& problem, const std::stop_token& stop) override {
    const RelaxedCapture relaxed;
    std::string why;
    Worker* const worker = apart() ? ready_worker(options_, why) : nullptr;  // it opens the GPU meanwhile
    compiler().start();
    if (vendor_available()) VendorPlan::warm_up(resources_);
    resources_.activation_kernel(problem.epilogue.activation,
                                 pass_kernel_name(problem.epilogue.activation, problem.epilogue.out));
    compiler().available();
    if (worker) worker->await_open(Deadline::in(kWorkerOpens, stop));  // else it would while candidates are timed
  }
  int device_ordinal() const override { return ordinal_; }

  std::shared_ptr<void> enter() const override {
    struct Entered {
      explicit Entered(CUcontext context) : scope(context) {}
      const ContextScope scope;
      const RelaxedCapture relaxed;
    };
    return std::make_shared<Entered>(resources_.context());
  }

  // An error means that some capture would not even be asked now: then nothing may synchronise either.
  bool capturing(Stream stream) const override {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    return driver().cuStreamIsCapturing(stream, &status) != CUDA_SUCCESS || status != CU_STREAM_CAPTURE_STATUS_NONE;
  }

  void check_stream(Stream stream) const override {
    CUcontext owner = nullptr;
    if (!stream || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD) {
      check(driver().cuCtxGetCurrent(&owner), "asking which CUDA context is current");
      if (owner == resources_.context()) return;
      throw Error(ErrorCode::invalid_argument, "stream: the default stream of another CUDA context than the plan's");
    }
    if (const CUresult result = driver().cuStreamGetCtx(stream, &owner); result != CUDA_SUCCESS)
      throw Error(ErrorCode::invalid_argument, fmt::format("stream: {}", describe(result)));
    if (owner != resources_.context())
      throw Error(ErrorCode::invalid_argument, "stream: belongs to another CUDA context than the one that is current");
  }

  // A worker's context may be opening just now.
  std::int64_t device_bytes() const override {
    const std::int64_t free = device_memory().free;
    Worker* const prover = worker();
    return std::max<std::int64_t>(0, free - free / kApplicationPart - (prover && !prover->ready() ? kWorkerContext : 0));
  }

  std::optional<std::string> lacks_memory(const Problem& problem, const Allowance& allowance) const override {
    const Allowance here = ours(allowance);
    const std::int64_t needed = least_search_bytes(search_panel(problem, here.operands()));
    if (needed <= here.operands()) return std::nullopt;
    return fmt::format("a search takes {} bytes of device memory in this process at least, {} may be taken now", needed,
                       here.operands());
  }
  std::shared_ptr<void> compile_ahead(std::vector<Coming> coming, const Allowance& allowance) override {
    return std::make_shared<CompileAhead>(std::move(coming), device(), folder_, allowance.compile_threads, compiled_,
                                          compiler());
  }
  Space space(const Problem& problem) const override { return make_space(problem, device()); }
  std::unique_ptr<Runner> runner(const Problem& problem, const Allowance& allowance, Quarantine* quarantine) override {
    return trials(problem, allowance, quarantine);
  }

  PlanPtr load(const PlanRecord& record, std::string_view cubin, bool lent) override {
    if (!is_vendor(record.tactic)) return own_plan(record.problem, record.tactic, cubin);
    // An algorithm has a tile: one for 97 rows takes two of it for 123, and twice the time. cuBLASLt knows one for these.
    if (lent) return VendorPlan::fallback(resources_, record.problem, kVendorWorkspaceBytes, scratch());
    std::string why;
    PlanPtr plan = VendorPlan::of_blob(resources_, record.problem, record.tactic, record.vendor_algo, &why, scratch());
    if (!plan) throw Error(ErrorCode::unsupported, fmt::format("cuBLASLt's recorded algorithm: {}", why));
    return plan;
  }

  PlanPtr vendor(const Problem& problem, Lack& lack) override {
    try {
      return VendorPlan::fallback(resources_, problem, kVendorWorkspaceBytes, scratch());
    } catch (const Error& error) {
      lack = {error.what(), error.code() == ErrorCode::out_of_memory || error.code() == ErrorCode::driver};
      return nullptr;
    }
  }

  PlanPtr untuned(const Problem& problem, const Proving& proving, std::string& why) override {
    return likeliest(problem, std::numeric_limits<std::int64_t>::max(), proving, why);
  }

  // cuBLASLt first: it compiles nothing. Where its way needs memory of ours (a gated product, say), an own kernel.
  PlanPtr without_scratch(const Problem& problem, const Proving& proving, std::string& why) override {
    PlanPtr vendor;
    try {
      vendor = VendorPlan::fallback(resources_, problem, 0, scratch());
      if (vendor->workspace_bytes() == 0) return vendor;
    } catch (const Error& error) {
      why = error.what();
    }
    std::string no_kernel;
    if (PlanPtr own = likeliest(problem, 0, proving, no_kernel)) return own;
    if (!vendor) why += "; " + no_kernel;
    return vendor;
  }

  std::int64_t workspace_bytes(const Problem& problem, const Tactic& tactic) const override {
    return family(tactic.family).geometry(problem, tactic, device()).workspace_bytes;
  }

  PlanPtr vendor_without_scratch(const Problem& problem) override {
    try {
      PlanPtr vendor = VendorPlan::fallback(resources_, problem, 0, scratch());
      return vendor->workspace_bytes() == 0 ? vendor : nullptr;
    } catch (const Error&) {
      return nullptr;
    }
  }

  Workspaces* scratch() const override { return scratch_.get(); }

  PlanPtr pass(const Problem& problem) override { return std::make_shared<PassPlan>(resources_, problem); }

 private:
  std::unique_ptr<GpuTrials> trials(const Problem& problem, const Allowance& allowance, Quarantine* quarantine) {
    GpuTrials::Options options;
    options.quarantine = quarantine;
    options.allowance = ours(allowance);
    options.folder = folder_;
    options.compiled = compiled_;
    options.compiler = &compiler();
    options.turn = turns_on_device(options_.turns, device_uuid());
    options.reviewed = folder_.empty();
    options.panel = search_panel(problem, options.allowance.operands());
    if (apart()) {
      std::string why;
      if (Worker* const worker = ready_worker(options_, why))
        options.prover = std::make_unique<WorkerProver>(*options.panel, problem, *worker, allowance.fifths(kWorkersFifths));
      else
        options.prover = std::make_unique<NoProver>(why);
    }
    return std::make_unique<GpuTrials>(problem, resources_, std::move(options));
  }

  bool apart() const { return options_.isolation == Isolation::worker; }
  Worker* worker() const {
    std::string why;
    return apart() ? usable_worker(options_, why) : nullptr;
  }
  // What this process gets of a search's memory: sets and cases; the worker holds cases only.
  Allowance ours(const Allowance& allowance) const { return worker() ? allowance.fifths(5 - kWorkersFifths) : allowance; }

  // A capture does not wait for who proves one.
  PlanPtr standing_by(const std::pair<std::string, std::int64_t>& key) {
    const std::lock_guard lock(standing_by_mutex_);
    const auto known = standing_by_.find(key);
    return known == standing_by_.end() ? nullptr : known->second;
  }

  // The cost model's first sm80 tactic of at most so much workspace that is proven, by the rules of a search's candidates.
  PlanPtr likeliest(const Problem& problem, std::int64_t most_workspace, const Proving& proving, std::string& why) {
    const std::pair key{to_string(problem), most_workspace};
    if (PlanPtr known = standing_by(key)) {
      const Tactic& tactic = known->tactic();
      if (!proving.quarantine->why(kernel_digest(family(tactic.family).sources(), problem, tactic, device().arch(), folder_)))
        return known;
    }
    if (!proving.allowance) {
      why = "no own kernel was proven for it before, and none can be during a capture or within a search";
      return nullptr;
    }
    if (const auto absent = no_compiler()) {
      why = *absent;
      return nullptr;
    }
    const Space space = make_space(problem, device());
    why = fmt::format("no own kernel serves it: {}", fmt::join(space.refusals, "; "));
    const auto runner = trials(problem, *proving.allowance, proving.quarantine);
    const Deadline deadline = Deadline::in(kStandbySeconds);
    int tried = 0;
    for (const auto& [tactic, cost_us] : space.tactics) {
      if (tried == kStandbyTries) break;
      const bool usual = tactic.family == FamilyId::sm80 || problem.numerics != Numerics::fast;  // then all are of one order
      if (!usual || workspace_bytes(problem, tactic) > most_workspace) continue;
      ++tried;
      const Trial trial = runner->verify(tactic, Effort::full, deadline);
      if (trial.correct()) {
        PlanPtr plan = own_plan(problem, tactic, runner->artifact(tactic).cubin);
        const std::lock_guard lock(standing_by_mutex_);
        return standing_by_[key] = plan;
      }
      why = fmt::format("'{}': {}: {}", to_string(tactic), name(trial.outcome), trial.why);
    }
    return nullptr;
  }

  // Throws Error{unsupported} where the rules of today do not let the tactic run, whoever wrote it down.
  PlanPtr own_plan(const Problem& problem, const Tactic& tactic, std::string_view cubin) {
    const Family& own = family(tactic.family);
    auto why = own.refuses(problem, device());
    if (!why) why = own.rejects(problem, tactic, device());
    if (why) throw Error(ErrorCode::unsupported, fmt::format("'{}': {}", to_string(tactic), *why));
    return std::make_shared<KernelPlan>(resources_, resources_.module(cubin), problem, tactic,
                                        own.geometry(problem, tactic, device()), scratch());
  }

  Resources& resources_;
  std::shared_ptr<Workspaces> scratch_;  // the caller's; null: the resources'
  const GpuOptions options_;
  const Hardware hardware_;
  const std::shared_ptr<CompiledKernels> compiled_ = std::make_shared<CompiledKernels>();
  const std::string folder_ = kernel_folder();  // once: what is reviewed, proven and written down are one text
  std::mutex standing_by_mutex_;
  std::map<std::pair<std::string, std::int64_t>, PlanPtr> standing_by_;  // proven; by problem and most workspace
  const int ordinal_ = [] {
    CUdevice device = 0;
    check(driver().cuCtxGetDevice(&device), "asking for the context's GPU");
    return static_cast<int>(device);
  }();
};

}  // namespace

std::unique_ptr<Machine> make_gpu_machine(const GpuOptions& options) { return std::make_unique<Gpu>(resources(), options); }

std::optional<std::string> no_worker(const GpuOptions& options) {
  std::string why;
  return ready_worker(options, why) ? std::nullopt : std::optional(why);
}

}  // namespace ak
