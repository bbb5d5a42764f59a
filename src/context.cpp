#include "context.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <future>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/log.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "machine/gpu.hpp"
#include "machine/recording.hpp"
#include "plan/table.hpp"
#include "search/llm_proposer.hpp"
#include "search/proposers.hpp"

namespace ak {
namespace {

constexpr double kLeastBudget = 0.1;  // seconds; a search shorter than this finds nothing

struct ProblemHash {
  std::size_t operator()(const Problem& problem) const { return hash(problem); }
};
template <class Value>
using PerProblem = std::unordered_map<Problem, Value, ProblemHash>;

bool is_vendor(const Tactic& tactic) { return tactic.family == FamilyId::vendor; }

std::string served_by(const Tactic& tactic) {
  return is_vendor(tactic) ? fmt::format("cuBLASLt, heuristic {}{}", tactic.algo, tactic.separate ? " + separate pass" : "")
                           : to_string(tactic);
}

std::string describe(const Hardware& h) {
  return fmt::format("{} sm_{} {} SMs{}{}", h.gpu, h.compute, h.sm_count, h.mig.empty() ? "" : " MIG " + h.mig,
                     h.recording.empty() ? "" : " (recording " + h.recording + ")");
}

// Why a record proves nothing here any more. An absent library is no reason: hits work without NVRTC.
std::optional<std::string> stale(const PlanRecord& record, const Provenance& today) {
  const Provenance& then = record.provenance;
  const auto changed = [](std::string_view what, const std::string& before, const std::string& now) {
    return fmt::format("{} is now {}, was {}", what, now, before);
  };
  if (!today.driver.empty() && then.driver != today.driver) return changed("the driver", then.driver, today.driver);
  if (is_vendor(record.tactic)) {
    if (!today.cublaslt.empty() && then.cublaslt != today.cublaslt) return changed("cuBLASLt", then.cublaslt, today.cublaslt);
    return std::nullopt;
  }
  if (!today.nvrtc.empty() && then.nvrtc != today.nvrtc) return changed("NVRTC", then.nvrtc, today.nvrtc);
  if (then.family_source != today.family_source) return fmt::format("the kernels of {} changed", name(record.tactic.family));
  return std::nullopt;
}

// How a problem is served, and what explain() says of it.
struct Served {
  PlanPtr plan;        // nullptr from a recording
  std::string source;  // this process, store, vendor fallback, none
  PlanRecord record;   // tactic, times and provenance, as far as known
  std::string note;
  bool lasting = true;  // false: the next call asks again
};

struct Ask {
  bool retune = false;   // search even when a record stands
  bool recheck = false;  // a provisional record does not stand
};

// What one CUDA context has.
struct Site {
  std::unique_ptr<Machine> machine;
  CUcontext context = nullptr;
  std::uint64_t context_id = 0;
  Table table;
  Site* next = nullptr;

  std::mutex mutex;  // of what follows
  PerProblem<Served> served;
  PerProblem<std::shared_future<Served>> under_way;
  PerProblem<Served> stand_ins;  // of captures and of searches that could not start; the first stays: a graph may hold it
};

}  // namespace

struct Context::Impl::State {
  Settings settings;
  std::shared_ptr<Store> store;
  std::unique_ptr<Site> only;         // the machine given to the constructor
  std::atomic<Site*> sites{nullptr};  // else one per CUDA context, newest first; never removed
  std::mutex opening;
  std::timed_mutex tuning;  // two searches at once would time each other
  mutable std::mutex counting;
  Counters counters;
  double searched_s = 0;

  ~State() {
    for (Site* site = sites; site;) delete std::exchange(site, site->next);
  }

  Site& site();
  Site& open_site();
  Served plan_for(Site& site, const Problem& problem, Ask ask);
  Served stand_in(Site& site, const Problem& problem, const std::string& why);
  Served serve(Site& site, const Problem& problem, Ask ask);
  std::optional<Served> load(Site& site, const PlanRecord& record);
  std::optional<Served> forced(Site& site, const Problem& problem);
  Served search(Site& site, const Problem& problem, const std::optional<PlanRecord>& old, bool replace);
  Served adopt(Site& site, const Problem& problem, Tuned tuned, bool replace);
  Served fallback(Site& site, const Problem& problem, const std::string& why);
  std::vector<std::unique_ptr<Proposer>> proposers(Site& site, const std::optional<PlanRecord>& old, Deadline deadline);
  Explanation explanation(Site& site, const Problem& problem, const Served& served) const;

  template <class Change>
  void count(Change&& change) {
    const std::lock_guard lock(counting);
    change(counters);
  }
};

// --- hot -------------------------------------------------------------------------------------------------------------

void Context::Impl::matmul_act(Stream stream, const Problem& problem, const CallArgs& args) {
  Site& site = state_->site();
  const Plan* plan = site.table.find(problem);
  Served cold;
  if (!plan) [[unlikely]] {
    if (!site.machine->launches())
      throw Error(ErrorCode::unsupported, "nothing can be launched from a recording (AK_RECORDING); prepare and explain work");
    site.machine->check_stream(stream);
    cold = site.machine->capturing(stream) ? state_->stand_in(site, problem, "met during a stream capture")
                                           : state_->plan_for(site, problem, {});
    plan = cold.plan.get();
  }
  try {
    plan->launch(stream, args);
  } catch (const Error&) {
    site.machine->check_stream(stream);  // the likeliest reason, in the caller's words
    throw;
  }
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
  made->machine = make_gpu_machine();
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
      const auto result = flight->second;
      lock.unlock();
      return result.get();
    }
    if (const auto it = site.served.find(problem);
        it != site.served.end() && !ask.retune && !(ask.recheck && it->second.record.provenance.provisional))
      return it->second;
    site.under_way.emplace(problem, promise.get_future().share());
  }
  try {
    const auto relaxed = site.machine->relax_capture();
    Served served = serve(site, problem, ask);
    if (served.plan && served.lasting) site.table.publish(problem, served.plan);
    const std::lock_guard lock(site.mutex);
    if (served.lasting)
      site.served.insert_or_assign(problem, served);
    else
      served = site.stand_ins.emplace(problem, served).first->second;
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

// Neither searches nor synchronises nor waits for who does, and leaves the problem open: a later call may still tune it.
Served Context::Impl::State::stand_in(Site& site, const Problem& problem, const std::string& why) {
  {
    const std::lock_guard lock(site.mutex);
    if (const auto it = site.stand_ins.find(problem); it != site.stand_ins.end()) return it->second;
  }
  const auto relaxed = site.machine->relax_capture();
  Served served;
  if (problem.k == 0)
    served.plan = site.machine->pass(problem);
  else
    served = fallback(site, problem, why);
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

  std::optional<PlanRecord> old = store->find(problem, machine.hardware());
  bool replace = ask.retune;
  if (old && !ask.retune) {
    auto why = stale(*old, machine.provenance(old->tactic, false));
    if (!why && ask.recheck && old->provenance.provisional) why = "its times are provisional";
    if (!why)
      if (auto served = load(site, *old)) return *served;
    log(LogLevel::info, "{}: its record is to be proven again: {}", to_string(problem),
        why.value_or("its cubin cannot be loaded"));
    replace = true;
  }
  if (settings.mode == Mode::hit)
    return fallback(site, problem, old ? "its record is stale and AK_MODE is hit" : "no record and AK_MODE is hit");
  return search(site, problem, old, replace);
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
  } catch (const Error& error) {
    log(LogLevel::warn, "{}: {}", to_string(record.problem), error.what());
    return std::nullopt;
  }
}

std::optional<Served> Context::Impl::State::forced(Site& site, const Problem& problem) {
  const Tactic& tactic = *settings.force_tactic;
  try {
    const auto runner = site.machine->runner(problem);
    const auto why = is_vendor(tactic) ? std::nullopt : site.machine->space(problem).rejects(tactic);
    if (why) throw Error(ErrorCode::unsupported, *why);
    const Trial trial = runner->run(tactic, Effort::quick, Deadline::never());
    count([&](Counters& c) { ++c.trials, c.compiles += runner->compiles(); });
    if (!trial.correct()) throw Error(ErrorCode::unsupported, fmt::format("{}: {}", name(trial.outcome), trial.why));
    const Artifact artifact = runner->artifact(tactic);
    Served served;
    served.source = "this process";
    served.record = {problem, site.machine->hardware(), tactic, artifact.geometry, {}, artifact.vendor_algo, trial.us, 0, {}};
    served.plan = site.machine->load(served.record, artifact.cubin);
    served.note = "AK_FORCE_TACTIC";
    return served;
  } catch (const Error& error) {
    warn_once(fmt::format("AK_FORCE_TACTIC '{}' cannot serve {}: {}", to_string(tactic), to_string(problem), error.what()));
    return std::nullopt;
  }
}

// --- the search ------------------------------------------------------------------------------------------------------

std::vector<std::unique_ptr<Proposer>> Context::Impl::State::proposers(Site& site, const std::optional<PlanRecord>& old,
                                                                       Deadline deadline) {
  ProposerInputs inputs;
  if (old) inputs.portfolio.push_back({old->problem, old->tactic});
  store->for_each([&](const PlanRecord& record) {
    if (record.hardware == site.machine->hardware() && !is_vendor(record.tactic))
      inputs.portfolio.push_back({record.problem, record.tactic});
  });
  std::vector<std::unique_ptr<Proposer>> list;
  list.push_back(make_proposer("portfolio", inputs));
  if (!settings.llm.empty()) {
    LlmOptions llm;
    llm.endpoint.provider = settings.llm;
    llm.endpoint.url = settings.llm_endpoint;
    llm.endpoint.model = settings.llm_model;
    llm.endpoint.key = settings.llm_key;
    llm.rounds = settings.llm_rounds;
    llm.proposals = settings.llm_proposals;
    list.push_back(make_llm_proposer(llm, deadline));
  }
  for (const auto name : {"local", "offline"}) list.push_back(make_proposer(name, inputs));
  return list;
}

Served Context::Impl::State::search(Site& site, const Problem& problem, const std::optional<PlanRecord>& old, bool replace) {
  const auto asked = Clock::now();
  const std::string text = to_string(problem);
  double budget = settings.budget_s;
  {
    const std::lock_guard lock(counting);
    budget = std::min(budget, settings.process_budget_s - searched_s);
  }
  if (budget < kLeastBudget) {
    warn_once("the searches of this process have used up AK_PROCESS_BUDGET_S; new problems are served untuned");
    return fallback(site, problem, "the process budget is spent");
  }
  std::unique_lock turn(tuning, std::chrono::duration<double>(budget));
  budget -= seconds_since(asked);
  if (!turn || budget < kLeastBudget) {
    Served served = fallback(site, problem, "other searches took the whole budget");
    served.lasting = false;
    return served;
  }
  try {
    Space space = site.machine->space(problem);
    std::string without;
    if (const auto why = site.machine->no_compiler()) {
      space.tactics.clear();
      without = fmt::format("no own kernels: {}", *why);
      log(LogLevel::warn, "{}: {}", text, without);
    }
    log(LogLevel::info, "{}: {}; searching {} tactics for {:.1f} s on {}", text, old ? "its record is stale" : "no record",
        space.tactics.size(), budget, describe(site.machine->hardware()));
    auto runner = site.machine->runner(problem);
    ProgressSink show;
    if (settings.progress)
      show = [&](const Progress& p) {
        settings.progress({text, to_string(p.trial->tactic), std::string(name(p.trial->outcome)), p.trial->us,
                           p.best ? to_string(p.best->tactic) : "", p.best ? p.best->us : 0, p.trials, p.elapsed_s,
                           p.budget_s});
      };
    auto list = without.empty() ? proposers(site, old, Deadline::in(budget)) : std::vector<std::unique_ptr<Proposer>>{};
    Tuned tuned =
        tune(problem, site.machine->device(), space, *runner, std::move(list), {budget, settings.max_trials, 0}, show);
    if (!without.empty()) tuned.note += (tuned.note.empty() ? "" : "; ") + without;
    count([&](Counters& c) {
      ++c.searches, c.trials += tuned.trials, c.compiles += tuned.compiles, searched_s += tuned.seconds;
    });
    const auto ended = Clock::now();
    runner.reset();
    log(LogLevel::debug, "{}: the runner let go in {:.3f} s", text, seconds_since(ended));
    return adopt(site, problem, std::move(tuned), replace);
  } catch (const Error& error) {
    log(LogLevel::error, "{}: the search failed: {}", text, error.what());
    return fallback(site, problem, fmt::format("the search failed: {}", error.what()));
  }
}

Served Context::Impl::State::adopt(Site& site, const Problem& problem, Tuned tuned, bool replace) {
  const std::string text = to_string(problem);
  store->add_trials(problem, site.machine->hardware(), tuned.history);
  if (!tuned.winner) return fallback(site, problem, tuned.note);
  const Trial& winner = *tuned.winner;
  log(LogLevel::info,
      "{}: {} {:.2f} us (vendor {:.2f} us), {} trials, {} compiles, {:.2f} s = {:.2f} exploring + {:.2f} leaders + {:.2f} "
      "finals{}{}",
      text, served_by(winner.tactic), winner.us, tuned.vendor.best_us, tuned.trials, tuned.compiles, tuned.seconds,
      tuned.explore_s, tuned.refine_s, tuned.finals_s, tuned.note.empty() ? "" : "; ", tuned.note);

  PlanRecord record{problem,
                    site.machine->hardware(),
                    winner.tactic,
                    tuned.artifact.geometry,
                    {},
                    tuned.artifact.vendor_algo,
                    winner.us,
                    tuned.vendor.best_us,
                    site.machine->provenance(winner.tactic, true)};
  if (!is_vendor(winner.tactic)) record.cubin = digest(tuned.artifact.cubin);
  record.provenance.proposer = winner.proposer;
  record.provenance.round = winner.round;
  record.provenance.unix_time = static_cast<std::int64_t>(std::time(nullptr));
  record.provenance.trials = tuned.trials;
  record.provenance.search_s = tuned.seconds;
  record.provenance.provisional = tuned.provisional;
  record.provenance.note = tuned.note;

  if (replace) {
    store->replace(record, tuned.artifact.cubin);
  } else if (const PlanRecord stands = store->put_if_absent(record, tuned.artifact.cubin); !(stands.tactic == record.tactic)) {
    // Another process was first. One winner for all, unless it cannot run here.
    if (!stale(stands, site.machine->provenance(stands.tactic, true)))
      if (auto served = load(site, stands)) return *served;
  }
  return {site.machine->load(record, tuned.artifact.cubin), "this process", record, tuned.note, true};
}

// --- when there is no winner -----------------------------------------------------------------------------------------

Served Context::Impl::State::fallback(Site& site, const Problem& problem, const std::string& why) {
  Served served;
  served.note = why;
  served.record.problem = problem;
  if (!site.machine->launches()) {
    served.source = "none";
    served.lasting = false;
    return served;
  }
  count([](Counters& c) { ++c.vendor_fallbacks; });
  std::string no_vendor, no_kernel;
  served.source = "vendor fallback";
  served.plan = site.machine->vendor(problem, no_vendor);
  if (!served.plan) {
    served.source = "untuned";
    served.plan = site.machine->untuned(problem, no_kernel);
    served.note += fmt::format("; {}", no_vendor);
  }
  if (!served.plan)
    throw Error(ErrorCode::missing_library,
                fmt::format("nothing can serve {}: {}; {}", to_string(problem), no_vendor, no_kernel));
  served.record.tactic = served.plan->tactic();
  log(LogLevel::info, "{}: served by {}: {}", to_string(problem), served_by(served.record.tactic), served.note);
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
  if (served.source == "none") {
    e.served_by = "no record";
    return e;
  }
  e.served_by = problem.k == 0 ? "the separate pass" : served_by(record.tactic);
  e.proposer = record.provenance.proposer;
  e.us = record.us;
  e.vendor_us = record.vendor_us;
  e.trials = record.provenance.trials;
  e.search_s = record.provenance.search_s;
  return e;
}

Context::Impl::Impl(Settings settings, std::unique_ptr<Machine> machine) : state_(std::make_unique<State>()) {
  state_->settings = std::move(settings);
  const std::string& folder = state_->settings.cache_dir;
  state_->store = folder.empty() ? memory_store("AK_CACHE_DIR is empty") : open_store(folder);
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

Explanation Context::Impl::retune(const Problem& problem) {
  Site& site = state_->site();
  return state_->explanation(site, problem, state_->plan_for(site, problem, {.retune = true}));
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
    const auto why = stale(*record, site.machine->provenance(record->tactic, false));
    served = {nullptr, "store", *record, why ? fmt::format("stale: {}", *why) : record->provenance.note, true};
  } else {
    served.note = state_->settings.mode == Mode::tune ? "the first call would search" : "cuBLASLt would serve it";
  }
  return state_->explanation(site, problem, served);
}

Counters Context::Impl::counters() const {
  const std::lock_guard lock(state_->counting);
  return state_->counters;
}

const Settings& Context::Impl::settings() const { return state_->settings; }
Store& Context::Impl::store() { return *state_->store; }
const Hardware& Context::Impl::hardware() { return state_->site().machine->hardware(); }
const DeviceFacts& Context::Impl::device() { return state_->site().machine->device(); }

}  // namespace ak
