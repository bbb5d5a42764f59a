// What a miss costs: what packs know, proven here, else a search under its budgets; the record it leaves, and who serves when
// there is no winner.
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <map>
#include <new>
#include <system_error>

#include "base/log.hpp"
#include "context/state.hpp"
#include "search/llm_proposer.hpp"
#include "search/proposers.hpp"

namespace ak {
namespace {

constexpr double kLeastBudget = 0.1;  // seconds; a search shorter than this finds nothing
constexpr double kFairShare = 0.5;    // of the budget; a search that got less leaves a provisional record

// Searches on one device take turns: two at once would time each other.
std::timed_mutex& turns(int device) {
  static std::mutex mutex;
  static auto& all = *new std::map<int, std::timed_mutex>;
  const std::lock_guard lock(mutex);
  return all[device];
}

thread_local bool searching = false;  // a progress callback that calls back would wait for itself

// Whether the old winner, proven again, spares a search: an own kernel is timed against the vendor where libraries changed; a
// vendor's stands while its library is the same.
bool proof_may_do(const PlanRecord& old, const Machine& machine) {
  if (unproven(old) || old.provenance.provisional) return false;
  const Provenance today = machine.provenance(old.tactic, true);
  if (old.provenance.family_source != today.family_source) return false;  // other kernels may have another best
  return !is_vendor(old.tactic) ||
         (old.provenance.cublaslt == today.cublaslt && old.provenance.nvrtc.empty() == today.nvrtc.empty());
}

// Why a search failed: what a process lacks now it may have later.
bool passes(const std::exception& error) {
  const auto* own = dynamic_cast<const Error*>(&error);
  return own ? own->code() == ErrorCode::out_of_memory
             : dynamic_cast<const std::bad_alloc*>(&error) || dynamic_cast<const std::system_error*>(&error);
}

}  // namespace

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
    served.record.problem = problem, served.record.hardware = site.machine->hardware();
    served.record.tactic = tactic, served.record.vendor_algo = artifact.vendor_algo, served.record.us = trial.us;
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
  inputs.portfolio = portfolio(site, old);
  inputs.deadline = deadline;
  if (!settings.llm.empty()) {
    LlmOptions llm;
    llm.endpoint.provider = settings.llm;
    llm.endpoint.url = settings.llm_endpoint;
    llm.endpoint.model = settings.llm_model;
    llm.endpoint.key = settings.llm_key;
    llm.rounds = settings.llm_rounds;
    llm.proposals = settings.llm_proposals;
    llm.tokens_left = llm_tokens_left;
    inputs.llm = std::make_shared<const LlmOptions>(std::move(llm));
  }
  return make_search_proposers(inputs);
}

Served Context::Impl::State::search(Site& site, const Problem& problem, std::optional<PlanRecord> old,
                                    const std::optional<Lead>& lead, Ask ask) {
  const auto untuned = [&](const std::string& why, Why kind) {
    auto known = still_serves(site, old, why);
    if (!known) return fallback(site, problem, why, kind);
    known->lasting = kind == Why::lasting, known->passing = kind == Why::passing;
    return *known;
  };
  const auto asked = Clock::now();
  const std::string text = to_string(problem);
  const auto process_left = [&] {
    const std::lock_guard lock(counting);
    return settings.process_budget_s - searched_s;
  };
  double budget = std::min(settings.budget_s, process_left());
  if (settings.budget_s < kLeastBudget)
    return untuned(
        fmt::format("AK_BUDGET_S={:g} is too short for a search, which takes {:g} s at least", settings.budget_s, kLeastBudget),
        Why::lasting);
  if (budget < kLeastBudget) {
    warn_once("the searches of this process have used up AK_PROCESS_BUDGET_S; new problems are served untuned");
    return untuned("the process budget is used up (AK_PROCESS_BUDGET_S)", Why::passing);
  }
  if (const auto why = site.machine->lacks_memory(problem)) {
    log(LogLevel::warn, "{}: {}", text, *why);
    return untuned(*why, Why::passing);
  }
  if (searching) {  // a progress callback that calls back
    Served served = fallback(site, problem, "asked for from within another search");
    served.lasting = false;
    return served;
  }
  std::unique_lock turn(turns(site.machine->device_ordinal()), std::try_to_lock);
  if (!turn && turn.try_lock_for(std::chrono::duration<double>(budget)) && !ask.retune)
    if (auto known = hit(site, problem, ask.recheck, old)) return *known;  // found by who had the turn
  budget = settings.budget_s - seconds_since(asked);
  const bool by_process = process_left() < budget;
  if (by_process) budget = process_left();
  if (!turn || budget < kLeastBudget)
    return untuned(
        process_left() < kLeastBudget ? "other searches used up AK_PROCESS_BUDGET_S" : "other searches took all of AK_BUDGET_S",
        Why::passing);
  try {
    const auto before = Clock::now();
    site.machine->warm_up(problem);
    if (const double took = seconds_since(before); took > 0.01)
      log(LogLevel::info, "{}: libraries opened and support kernels made in {:.2f} s, before the search's time", text, took);
  } catch (const std::exception& error) {
    log(LogLevel::info, "{}: before the search: {}", text, error.what());
  }
  const auto began = Clock::now();
  searching = true;
  struct Spend {
    State& state;
    const Clock::time_point began;
    const bool led;
    bool spared = false;  // by a pack, or by a proof of the old winner
    ~Spend() {
      searching = false;
      state.count(
          [&](Counters& c) { c.searches += !spared, c.pack_hits += spared && led, state.searched_s += seconds_since(began); });
    }
  } spend{*this, began, lead.has_value()};
  try {
    Space space = site.machine->space(problem);
    std::string without;
    if (const auto why = site.machine->no_compiler()) {
      space.tactics.clear();
      without = fmt::format("no own kernels: {}", *why);
      log(LogLevel::warn, "{}: {}", text, without);
    }
    auto runner = site.machine->runner(problem);
    ProgressSink show;
    if (settings.progress)
      show = [&](const Progress& p) {
        settings.progress({text, to_string(p.trial->tactic), std::string(name(p.trial->outcome)), p.trial->us,
                           p.best ? to_string(p.best->tactic) : "", p.best ? p.best->us : 0, p.trials, p.elapsed_s,
                           p.budget_s});
      };
    const bool replace = ask.retune || old;
    const auto left = [&] { return budget - seconds_since(began); };  // of it the space and what the runner opened took some
    std::optional<Tuned> found;
    if (lead && without.empty())
      found = follow(site, *lead, problem, space, *runner, left(), show);
    else if (old && !ask.retune && without.empty() && proof_may_do(*old, *site.machine))
      found =
          follow(site, {"store", *old, is_vendor(old->tactic) ? std::vector<Tactic>{} : std::vector{old->tactic}, true, true},
                 problem, space, *runner, left(), show);
    spend.spared = found.has_value();
    if (!found) {
      const std::string left_of = by_process ? fmt::format("AK_PROCESS_BUDGET_S={:g}", settings.process_budget_s)
                                             : fmt::format("AK_BUDGET_S={:g}", settings.budget_s);
      budget = left();
      log(LogLevel::info, "{}: {}; searching {} tactics for {:.1f} s on {}", text, old ? "its record is stale" : "no record",
          space.tactics.size(), budget, describe(site.machine->hardware()));
      auto list = without.empty() ? proposers(site, old, Deadline::in(budget)) : std::vector<std::unique_ptr<Proposer>>{};
      found = tune(problem, site.machine->device(), space, *runner, std::move(list), {budget, settings.max_trials, 0}, show);
      if (budget < kFairShare * settings.budget_s) {
        found->provisional = true;
        found->note += fmt::format("{}cut short: {:.1f} s were left of {}", found->note.empty() ? "" : "; ", budget, left_of);
      }
      if (!without.empty()) found->note += (found->note.empty() ? "" : "; ") + without;
    }
    Tuned& tuned = *found;
    tuned.compiles = runner->compiles();
    count([&](Counters& c) { c.trials += tuned.trials, c.compiles += tuned.compiles; });
    const auto ended = Clock::now();
    runner.reset();
    log(LogLevel::debug, "{}: the runner let go in {:.3f} s", text, seconds_since(ended));
    const bool keep = without.empty() || !old || is_vendor(old->tactic);  // an own winner outlives a process without a compiler
    return adopt(site, problem, std::move(tuned), keep ? replace ? Write::replace : Write::if_absent : Write::never,
                 spend.spared && lead ? lead->source : "this process");
  } catch (const std::exception& error) {
    log(LogLevel::error, "{}: the search failed: {}", text, error.what());
    return untuned(fmt::format("the search failed: {}", error.what()), passes(error) ? Why::passing : Why::lasting);
  }
}

Served Context::Impl::State::adopt(Site& site, const Problem& problem, Tuned tuned, Write write, const std::string& source) {
  const std::string text = to_string(problem);
  store->add_trials(problem, site.machine->hardware(), tuned.history);
  if (!tuned.winner) return fallback(site, problem, tuned.note, tuned.unfinished ? Why::passing : Why::lasting);
  const Trial& winner = *tuned.winner;
  log(LogLevel::info,
      "{}: {} {:.2f} us (vendor {:.2f} us), {} trials, {} compiles, {:.2f} s = {:.2f} exploring + {:.2f} leaders + {:.2f} "
      "finals{}{}",
      text, served_by(winner.tactic), winner.us, tuned.vendor.best_us, tuned.trials, tuned.compiles, tuned.seconds,
      tuned.explore_s, tuned.refine_s, tuned.finals_s, tuned.note.empty() ? "" : "; ", tuned.note);

  PlanRecord record;
  record.problem = problem, record.hardware = site.machine->hardware();
  record.tactic = winner.tactic, record.vendor_algo = tuned.artifact.vendor_algo;
  record.us = winner.us, record.vendor_us = tuned.vendor.best_us;
  record.provenance = site.machine->provenance(winner.tactic, true);
  record.regime = winner.regime;
  record.regime_us = winner.regime_us;
  record.regime_vendor_us[static_cast<int>(Regime::chain)] = record.vendor_us;
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
    if (!unproven(stands) && !stale(stands, site.machine->provenance(stands.tactic, true)))
      if (auto served = load(site, stands)) return *served;
  }
  return {site.machine->load(record, tuned.artifact.cubin), source, record, tuned.note, true};
}

// --- when there is no winner -----------------------------------------------------------------------------------------

Served Context::Impl::State::fallback(Site& site, const Problem& problem, const std::string& why, Why kind) {
  Served served;
  served.lasting = kind == Why::lasting, served.passing = kind == Why::passing;
  served.note = served.passing ? fmt::format("{} (passing: it is tried again)", why) : why;
  served.record.problem = problem;
  if (!site.machine->launches()) {
    served.source = "none";
    served.lasting = false;
    return served;
  }
  count([&](Counters& c) { ++c.vendor_fallbacks, c.passing_fallbacks += served.passing; });
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

}  // namespace ak
