#include "context/context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/log.hpp"
#include "context/state.hpp"
#include "gpu/device.hpp"
#include "machine/gpu.hpp"
#include "recording/recorded_machine.hpp"

namespace ak {
namespace {

constexpr double kFirstRetry = 1, kLastRetry = 60;  // seconds

// Opening libraries takes its time: their files' names say their versions, and only what differs is opened to be sure.
Provenance provenance_to_compare(const Machine& machine, const PlanRecord& record) {
  Provenance today = machine.provenance(record.tactic, record.provenance.nvrtc.empty() || record.provenance.cublaslt.empty());
  return stale(record, today) ? machine.provenance(record.tactic, true) : today;
}

// Why a record of the store is no winner to load.
std::optional<std::string> to_prove(const Machine& machine, const PlanRecord& record) {
  if (unproven(record)) return "it was imported and not proven here yet";
  return stale(record, provenance_to_compare(machine, record));
}

}  // namespace

std::string served_by(const Tactic& tactic) {
  if (!is_vendor(tactic)) return to_string(tactic);
  const char* const how[] = {"", " + separate pass", ", gate and up apart, + separate pass"};
  return fmt::format("cuBLASLt, heuristic {}{}", tactic.algo, how[std::clamp<int>(tactic.separate, 0, 2)]);
}

std::string describe(const Hardware& h) {
  return fmt::format("{} sm_{} {} SMs{}{}", h.gpu, h.compute, h.sm_count, h.mig.empty() ? "" : " MIG " + h.mig,
                     h.recording.empty() ? "" : " (recording " + h.recording + ")");
}

std::optional<std::string> stale(const PlanRecord& record, const Provenance& today) {
  const Provenance& then = record.provenance;
  const auto changed = [](std::string_view what, const std::string& before, const std::string& now) {
    return fmt::format("{} is now {}, was {}", what, now, before);
  };
  if (!today.driver.empty() && then.driver != today.driver) return changed("the driver", then.driver, today.driver);
  if (is_vendor(record.tactic)) {
    if (!today.cublaslt.empty() && then.cublaslt != today.cublaslt) return changed("cuBLASLt", then.cublaslt, today.cublaslt);
    if (then.nvrtc.empty() && !today.nvrtc.empty()) return "it was made without NVRTC, which is here now";
    return std::nullopt;
  }
  if (then.cublaslt.empty() && !today.cublaslt.empty()) return "it was never compared with cuBLASLt, which is here now";
  if (!today.nvrtc.empty() && then.nvrtc != today.nvrtc) return changed("NVRTC", then.nvrtc, today.nvrtc);
  if (!today.cublaslt.empty() && then.cublaslt != today.cublaslt) return changed("cuBLASLt", then.cublaslt, today.cublaslt);
  if (then.family_source != today.family_source) return fmt::format("the kernels of {} changed", name(record.tactic.family));
  return std::nullopt;
}

// --- hot -------------------------------------------------------------------------------------------------------------

void Context::Impl::matmul_act(Stream stream, const Problem& problem, const CallArgs& args) {
  Site& site = state_->site();
  const Plan* plan = site.table.find(problem);
  if (!plan) [[unlikely]]
    plan = state_->cold_plan(site, stream, problem);
  try {
    if (!plan->try_launch(stream, args)) [[unlikely]]
      state_->launch_spare(site, stream, problem, args);
  } catch (const Error&) {
    site.machine->check_stream(stream);  // the likeliest reason, in the caller's words
    throw;
  }
}

// The table or the stand-ins hold it for the life of the site.
const Plan* Context::Impl::State::cold_plan(Site& site, Stream stream, const Problem& problem) {
  if (!site.machine->launches())
    throw Error(ErrorCode::unsupported, "nothing can be launched from a recording (AK_RECORDING); prepare and explain work");
  site.machine->check_stream(stream);
  const bool capturing = site.machine->capturing(stream);
  return (capturing ? stand_in(site, problem, "met during a stream capture") : plan_for(site, problem, {})).plan.get();
}

// For want of scratch memory. The plan is made once; a capture allows it, for nothing is searched or waited for.
void Context::Impl::State::launch_spare(Site& site, Stream stream, const Problem& problem, const CallArgs& args) {
  const Plan* spare = site.spares.find(problem);
  if (!spare) {
    const auto relaxed = site.machine->relax_capture();
    std::string why;
    PlanPtr made = site.machine->without_scratch(problem, why);
    if (!made)
      throw Error(
          ErrorCode::out_of_memory,
          fmt::format("the workspace of {} is not to be had, and nothing serves it without one: {}", to_string(problem), why));
    warn_once(fmt::format("{}: no scratch memory is to be had; {} without a workspace serves while that is so",
                          to_string(problem), served_by(made->tactic())));
    spare = made.get();
    site.spares.publish(problem, std::move(made));
  }
  scratch_fallbacks.fetch_add(1, std::memory_order_relaxed);
  spare->launch(stream, args);
}

Site& Context::Impl::State::site() {
  if (only) return *only;
  CUcontext current = nullptr;
  unsigned long long id = 0;
  const Driver& api = driver();
  // A later context may get the handle of one that is gone, never its number.
  if (api.cuCtxGetCurrent(&current) == CUDA_SUCCESS && current && api.cuCtxGetId(current, &id) == CUDA_SUCCESS)
    for (Site* site = sites.load(std::memory_order_acquire); site; site = site->next)
      if (site->context == current && site->context_id == id) return *site;
  return open_site();
}

Site& Context::Impl::State::open_site() {
  const CUcontext current = current_context();
  const std::uint64_t id = context_id(current);
  const std::lock_guard lock(opening);
  for (Site* site = sites; site; site = site->next)
    if (site->context_id == id) return *site;
  auto made = std::make_unique<Site>();
  made->context = current;
  made->context_id = id;
  made->machine = make_gpu_machine({settings.scratch_bytes, settings.isolation, settings.worker});
  made->next = sites;
  sites.store(made.get(), std::memory_order_release);
  return *made.release();
}

// --- cold: one thread per problem works, the others that ask for it wait ----------------------------------------------

Served Context::Impl::State::plan_for(Site& site, const Problem& problem, Ask ask) {
  std::promise<Served> promise;
  {
    std::unique_lock lock(site.mutex);
    if (const auto flight = site.under_way.find(problem); flight != site.under_way.end()) {
      const auto [result, thread] = flight->second;
      lock.unlock();
      // A progress callback that calls back would wait for itself.
      if (thread == std::this_thread::get_id()) return stand_in(site, problem, "asked for from within its own search");
      return result.get();
    }
    if (const auto it = site.served.find(problem);
        it != site.served.end() && !ask.retune && !(ask.recheck && it->second.record.provenance.provisional))
      return it->second;
    if (const auto retry = site.retries.find(problem); retry != site.retries.end() && !ask.retune && !ask.recheck) {
      const auto it = site.stand_ins.find(problem);
      if (it != site.stand_ins.end() && now() < retry->second.at) return it->second;
      count([](Counters& c) { ++c.retries; });
    }
    site.under_way.emplace(problem, Flight{promise.get_future().share(), std::this_thread::get_id()});
  }
  try {
    const auto relaxed = site.machine->relax_capture();
    Served served = serve(site, problem, ask);
    if (served.plan && served.lasting) site.table.publish(problem, served.plan);
    const std::lock_guard lock(site.mutex);
    if (served.passing) {
      Retry& retry = site.retries[problem];
      retry.wait_s = std::clamp(2 * retry.wait_s, kFirstRetry, kLastRetry);
      retry.at = now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(retry.wait_s));
    } else {
      site.retries.erase(problem);
    }
    if (served.lasting) {
      site.served.insert_or_assign(problem, served);
    } else {
      Served& stays = site.stand_ins.emplace(problem, served).first->second;
      stays.note = served.note;
      served = stays;
    }
    site.under_way.erase(problem);
    promise.set_value(served);
    return served;
  } catch (...) {
    const std::lock_guard lock(site.mutex);
    site.under_way.erase(problem);
    promise.set_exception(std::current_exception());
    throw;
  }
}

// Neither searches nor synchronises nor waits for who does. A record's kernel is loaded, which a capture allows; without one
// the problem stays open: a later call may still tune it.
Served Context::Impl::State::stand_in(Site& site, const Problem& problem, const std::string& why) {
  {
    const std::lock_guard lock(site.mutex);
    if (const auto it = site.stand_ins.find(problem); it != site.stand_ins.end()) return it->second;
  }
  const auto relaxed = site.machine->relax_capture();
  Served served;
  if (problem.k == 0) {
    served.plan = site.machine->pass(problem);
  } else {
    std::optional<PlanRecord> old;
    if (settings.mode != Mode::off && !settings.force_tactic)
      if (auto known = hit(site, problem, false, old)) {
        if (known->plan) site.table.publish(problem, known->plan);
        const std::lock_guard lock(site.mutex);
        site.served.insert_or_assign(problem, *known);
        return *known;
      }
    auto known = still_serves(site, old, why);
    served = known ? *known : fallback(site, problem, why);
  }
  served.lasting = false;
  const std::lock_guard lock(site.mutex);
  return site.stand_ins.emplace(problem, served).first->second;
}

Served Context::Impl::State::serve(Site& site, const Problem& problem, Ask ask) {
  Machine& machine = *site.machine;
  if (problem.k == 0) {
    Served served{machine.launches() ? machine.pass(problem) : nullptr, "this process", {}, "k is 0: bias and C only", true};
    served.record.tactic.family = FamilyId::vendor;
    return served;
  }
  if (settings.mode == Mode::off) return fallback(site, problem, "AK_MODE is off");
  if (settings.force_tactic)
    if (auto served = forced(site, problem)) return *served;

  std::optional<PlanRecord> old;
  if (ask.retune)
    old = store->find(problem, machine.hardware());
  else if (auto known = hit(site, problem, ask.recheck, old))
    return *known;
  if (settings.mode == Mode::hit) {
    if (auto known = still_serves(site, old, "AK_MODE is hit")) return *known;
    return fallback(site, problem, old ? "its record is to be proven and AK_MODE is hit" : "no record and AK_MODE is hit");
  }
  return search(site, problem, old, ask.retune ? std::nullopt : lead(site, problem, old), ask);
}

// The record that stands, loaded. One that must be proven again is left in `old`, with the reason in the log.
std::optional<Served> Context::Impl::State::hit(Site& site, const Problem& problem, bool recheck,
                                                std::optional<PlanRecord>& old) {
  old = store->find(problem, site.machine->hardware());
  if (!old) return std::nullopt;
  auto why = to_prove(*site.machine, *old);
  if (!why && recheck && old->provenance.provisional) why = "its times are provisional";
  if (!why)
    if (auto served = load(site, *old)) return served;
  log(LogLevel::info, "{}: its record is to be proven again: {}", to_string(problem),
      why.value_or("its cubin cannot be loaded"));
  return std::nullopt;
}

std::optional<Served> Context::Impl::State::load(Site& site, const PlanRecord& record) {
  const auto start = Clock::now();
  try {
    std::string cubin;
    if (!is_vendor(record.tactic)) {
      auto found = store->cubin(record.cubin);
      if (!found) return std::nullopt;
      cubin = std::move(*found);
    }
    Served served{site.machine->load(record, cubin), "store", record, record.provenance.note, true};
    count([&](Counters& c) { ++c.store_hits, c.last_load_s = seconds_since(start); });
    return served;
  } catch (const std::exception& error) {
    log(LogLevel::warn, "{}: {}", to_string(record.problem), error.what());
    return std::nullopt;
  }
}

// Another driver or library takes no kernel out of service: what was proven runs as before until it is proven again. Other
// device code may: its launch may differ.
std::optional<Served> Context::Impl::State::still_serves(Site& site, const std::optional<PlanRecord>& old,
                                                         const std::string& why) {
  if (!old || unproven(*old)) return std::nullopt;
  if (old->provenance.family_source != site.machine->provenance(old->tactic, false).family_source) return std::nullopt;
  auto served = load(site, *old);
  if (!served) return std::nullopt;
  const auto changed = to_prove(*site.machine, *old);
  if (changed) warn_once(fmt::format("records serve as they were proven before ({}); `ak warm` proves them again", *changed));
  served->note = fmt::format("serves as it was proven before{}: {}", changed ? ", " + *changed : "", why);
  return served;
}

// --- what the outside asks -------------------------------------------------------------------------------------------

Explanation Context::Impl::State::explanation(Site& site, const Problem& problem, const Served& served) const {
  const auto& record = served.record;
  Explanation e;
  e.problem = to_string(problem);
  e.hardware = describe(site.machine->hardware());
  e.source = served.source;
  e.from_recording = !site.machine->hardware().recording.empty();
  e.note = served.note;
  if (const Store::Fault fault = store->fault(); !fault.writing.empty())
    e.note += fmt::format("{}new records are not kept: {}", e.note.empty() ? "" : "; ", fault.writing);
  if (served.source == "none") {
    e.served_by = "no record";
    return e;
  }
  const bool unranked = is_vendor(record.tactic) && !served.plan && unproven(record);  // which heuristic is found here
  e.served_by = problem.k == 0 ? "the separate pass" : unranked ? "cuBLASLt" : served_by(record.tactic);
  e.proposer = record.provenance.proposer;
  e.us = record.us;
  e.vendor_us = record.vendor_us;
  e.trials = record.provenance.trials;
  e.search_s = record.provenance.search_s;
  if (const Plan* spare = site.spares.find(problem))
    e.note += fmt::format("{}{} without a workspace serves where scratch memory is not to be had", e.note.empty() ? "" : "; ",
                          ak::served_by(spare->tactic()));
  return e;
}

Context::Impl::Impl(Settings settings, std::unique_ptr<Machine> machine, std::function<Clock::time_point()> now)
    : state_(std::make_unique<State>()) {
  state_->now = std::move(now);
  state_->settings = std::move(settings);
  state_->llm_tokens_left = std::make_shared<std::atomic<std::int64_t>>(state_->settings.llm_tokens);
  const std::string& folder = state_->settings.cache_dir;
  state_->store = folder.empty() ? memory_store("AK_CACHE_DIR is empty") : open_store(folder);
  state_->packs = std::make_unique<Packs>(state_->settings.shipped, state_->settings.packs);
  if (!machine && !state_->settings.recording.empty()) machine = make_recording_machine(state_->settings.recording);
  if (!machine) return;
  state_->only = std::make_unique<Site>();
  state_->only->machine = std::move(machine);
}

Context::Impl::~Impl() = default;

Explanation Context::Impl::prepare(const Problem& problem) {
  Site& site = state_->site();
  return state_->explanation(site, problem, state_->plan_for(site, problem, {.recheck = true}));
}

std::vector<Explanation> Context::Impl::prepare(std::span<const Problem> problems, const PrepareProgress& progress) {
  PerProblem<Explanation> known;
  std::unordered_set<Problem, ProblemHash> all(problems.begin(), problems.end());
  std::vector<Explanation> explanations;
  for (const Problem& problem : problems) {
    auto at = known.find(problem);
    if (at == known.end()) {
      Explanation e;
      try {
        e = prepare(problem);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::missing_library || error.code() == ErrorCode::driver) throw;
        e.problem = to_string(problem), e.source = "none", e.served_by = "nothing", e.note = error.what();
      }
      at = known.emplace(problem, std::move(e)).first;
      if (progress) progress(known.size(), all.size(), at->second);
    }
    explanations.push_back(at->second);
  }
  return explanations;
}

Explanation Context::Impl::retune(const Problem& problem) {
  Site& site = state_->site();
  return state_->explanation(site, problem, state_->plan_for(site, problem, {.retune = true}));
}

bool Context::Impl::proven(const Problem& problem) {
  Machine& machine = *state_->site().machine;
  const auto record = state_->store->find(problem, machine.hardware());
  return record && !record->provenance.provisional && !to_prove(machine, *record);
}

Explanation Context::Impl::explain(const Problem& problem) {
  Site& site = state_->site();
  {
    const std::lock_guard lock(site.mutex);
    for (const auto* known : {&site.served, &site.stand_ins})
      if (const auto it = known->find(problem); it != known->end()) return state_->explanation(site, problem, it->second);
  }
  Served served;
  served.source = "none";
  if (state_->settings.mode == Mode::off) {
    served.note = "AK_MODE is off: cuBLASLt would serve it";
  } else if (const auto record = state_->store->find(problem, site.machine->hardware())) {
    const auto why = to_prove(*site.machine, *record);
    served = {nullptr, "store", *record, why ? fmt::format("to be proven: {}", *why) : record->provenance.note, true};
  } else if (state_->settings.mode != Mode::tune) {
    served.note = "cuBLASLt would serve it";
  } else if (const auto lead = state_->lead(site, problem, {}); lead && lead->exact) {
    served = {nullptr, lead->source, lead->record, "the first call would compile and prove it here", true};
  } else {
    served.note =
        lead ? fmt::format("the first call would time what the {} has for {}", lead->source, to_string(lead->record.problem))
             : "the first call would search";
  }
  return state_->explanation(site, problem, served);
}

Counters Context::Impl::counters() const {
  const std::lock_guard lock(state_->counting);
  Counters counters = state_->counters;
  counters.scratch_fallbacks = state_->scratch_fallbacks.load(std::memory_order_relaxed);
  return counters;
}

const Settings& Context::Impl::settings() const { return state_->settings; }
Store& Context::Impl::store() { return *state_->store; }
const Hardware& Context::Impl::hardware() { return state_->site().machine->hardware(); }
const DeviceFacts& Context::Impl::device() { return state_->site().machine->device(); }

}  // namespace ak
