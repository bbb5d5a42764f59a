#include "context.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <future>
#include <mutex>
#include <thread>
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
constexpr double kFairShare = 0.5;    // of the budget; a search that got less leaves a provisional record

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
    if (then.nvrtc.empty() && !today.nvrtc.empty()) return "it was made without NVRTC, which is here now";
    return std::nullopt;
  }
  if (then.cublaslt.empty() && !today.cublaslt.empty()) return "it was never compared with cuBLASLt, which is here now";
  if (!today.nvrtc.empty() && then.nvrtc != today.nvrtc) return changed("NVRTC", then.nvrtc, today.nvrtc);
  if (then.family_source != today.family_source) return fmt::format("the kernels of {} changed", name(record.tactic.family));
  return std::nullopt;
}

// Only a record that was made without a compiler or a vendor asks whether they are here now: opening libraries takes its time.
Provenance provenance_to_compare(const Machine& machine, const PlanRecord& record) {
  return machine.provenance(record.tactic, record.provenance.nvrtc.empty() || record.provenance.cublaslt.empty());
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

// A problem that a thread works on; the others that ask for it wait for the result.
struct Flight {
  std::shared_future<Served> result;
  std::thread::id thread;
};

// Searches of this process take turns: two at once would time each other.
struct Turns {
  std::timed_mutex mutex;
  std::atomic<std::thread::id> holder{};
};
Turns& turns() {
  static Turns all;
  return all;
}

// What one CUDA context has.
struct Site {
  std::unique_ptr<Machine> machine;
  CUcontext context = nullptr;
  std::uint64_t context_id = 0;
  Table table;
  Site* next = nullptr;

  std::mutex mutex;  // of what follows
  PerProblem<Served> served;
  PerProblem<Flight> under_way;
  PerProblem<Served> stand_ins;  // of captures and of searches that could not start; the first stays: a graph may hold it
};

}  // namespace

struct Context::Impl::State {
  Settings settings;
  std::shared_ptr<Store> store;
  std::unique_ptr<Site> only;         // the machine given to the constructor
  std::atomic<Site*> sites{nullptr};  // else one per CUDA context, newest first; never removed
  std::mutex opening;
  mutable std::mutex counting;
  Counters counters;
  double searched_s = 0;
  std::shared_ptr<std::atomic<std::int64_t>> llm_tokens_left;

  ~State() {
    for (Site* site = sites; site;) delete std::exchange(site, site->next);
  }

  Site& site();
  Site& open_site();
  const Plan* cold_plan(Site& site, Stream stream, const Problem& problem);
  Served plan_for(Site& site, const Problem& problem, Ask ask);
  Served stand_in(Site& site, const Problem& problem, const std::string& why);
  Served serve(Site& site, const Problem& problem, Ask ask);
  std::optional<Served> hit(Site& site, const Problem& problem, bool recheck, std::optional<PlanRecord>& old);
  std::optional<Served> load(Site& site, const PlanRecord& record);
  std::optional<Served> forced(Site& site, const Problem& problem);
  Served search(Site& site, const Problem& problem, const std::optional<PlanRecord>& old, bool replace);
  enum class Write { if_absent, replace, never };
  Served adopt(Site& site, const Problem& problem, Tuned tuned, Write write);
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
  if (!plan) [[unlikely]]
    plan = state_->cold_plan(site, stream, problem);
  try {
    plan->launch(stream, args);
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
  made->machine = make_gpu_machine(settings.scratch_bytes);
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
    site.under_way.emplace(problem, Flight{promise.get_future().share(), std::this_thread::get_id()});
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
    served = fallback(site, problem, why);
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
  if (settings.mode == Mode::hit)
    return fallback(site, problem, old ? "its record is stale and AK_MODE is hit" : "no record and AK_MODE is hit");
  return search(site, problem, old, ask.retune || old);
}

// The record that stands, loaded. One that must be proven again is left in `old`, with the reason in the log.
std::optional<Served> Context::Impl::State::hit(Site& site, const Problem& problem, bool recheck,
                                                std::optional<PlanRecord>& old) {
  old = store->find(problem, site.machine->hardware());
  if (!old) return std::nullopt;
  auto why = stale(*old, provenance_to_compare(*site.machine, *old));
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
  } catch (const std::exception& error) {
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
    llm.tokens_left = llm_tokens_left;
    list.push_back(make_llm_proposer(llm, deadline));
  }
  for (const auto name : {"local", "offline"}) list.push_back(make_proposer(name, inputs));
  return list;
}

Served Context::Impl::State::search(Site& site, const Problem& problem, const std::optional<PlanRecord>& old, bool replace) {
  const auto asked = Clock::now();
  const std::string text = to_string(problem);
  const auto process_left = [&] {
    const std::lock_guard lock(counting);
    return settings.process_budget_s - searched_s;
  };
  double budget = std::min(settings.budget_s, process_left());
  if (budget < kLeastBudget) {
    warn_once("the searches of this process have used up AK_PROCESS_BUDGET_S; new problems are served untuned");
    return fallback(site, problem, "the process budget is spent");
  }
  const bool from_within = turns().holder == std::this_thread::get_id();  // a progress callback that calls back
  std::unique_lock<std::timed_mutex> turn;
  if (!from_within) turn = std::unique_lock(turns().mutex, std::chrono::duration<double>(budget));
  const auto began = Clock::now();
  budget = std::min(budget - seconds_since(asked), process_left());
  if (!turn || budget < kLeastBudget) {
    Served served =
        fallback(site, problem, from_within ? "asked for from within another search" : "other searches took the whole budget");
    served.lasting = false;
    return served;
  }
  turns().holder = std::this_thread::get_id();
  struct Spend {
    State& state;
    const Clock::time_point began;
    ~Spend() {
      turns().holder = std::thread::id();
      state.count([&](Counters& c) { ++c.searches, state.searched_s += seconds_since(began); });
    }
  } const spend{*this, began};
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
    budget -= seconds_since(began);  // the space and what the runner opened
    auto list = without.empty() ? proposers(site, old, Deadline::in(budget)) : std::vector<std::unique_ptr<Proposer>>{};
    Tuned tuned =
        tune(problem, site.machine->device(), space, *runner, std::move(list), {budget, settings.max_trials, 0}, show);
    if (budget < kFairShare * settings.budget_s) {
      tuned.provisional = true;
      tuned.note +=
          fmt::format("{}cut short: {:.1f} s were left of its {:g}", tuned.note.empty() ? "" : "; ", budget, settings.budget_s);
    }
    if (!without.empty()) tuned.note += (tuned.note.empty() ? "" : "; ") + without;
    count([&](Counters& c) { c.trials += tuned.trials, c.compiles += tuned.compiles; });
    const auto ended = Clock::now();
    runner.reset();
    log(LogLevel::debug, "{}: the runner let go in {:.3f} s", text, seconds_since(ended));
    const bool keep = without.empty() || !old || is_vendor(old->tactic);  // an own winner outlives a process without a compiler
    return adopt(site, problem, std::move(tuned), keep ? replace ? Write::replace : Write::if_absent : Write::never);
  } catch (const std::exception& error) {
    log(LogLevel::error, "{}: the search failed: {}", text, error.what());
    return fallback(site, problem, fmt::format("the search failed: {}", error.what()));
  }
}

Served Context::Impl::State::adopt(Site& site, const Problem& problem, Tuned tuned, Write write) {
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

  if (write == Write::replace) {
    store->replace(record, tuned.artifact.cubin);
  } else if (write == Write::never) {
    log(LogLevel::info, "{}: not written down: the record that stands has an own kernel", text);
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
  state_->llm_tokens_left = std::make_shared<std::atomic<std::int64_t>>(state_->settings.llm_tokens);
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

bool Context::Impl::proven(const Problem& problem) {
  Machine& machine = *state_->site().machine;
  const auto record = state_->store->find(problem, machine.hardware());
  return record && !record->provenance.provisional && !stale(*record, provenance_to_compare(machine, *record));
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
    const auto why = stale(*record, provenance_to_compare(*site.machine, *record));
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
