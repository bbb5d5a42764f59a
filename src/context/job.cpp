#include "context/job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <new>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "base/profile.hpp"
#include "context/describe.hpp"
#include "context/fallback.hpp"
#include "context/shares.hpp"
#include "context/stored.hpp"
#include "context/stored_quarantine.hpp"
#include "context/widen.hpp"
#include "core/bucket.hpp"
#include "search/llm_proposer.hpp"

namespace ak {
namespace {

constexpr double kLeastBudget = 0.1;  // seconds; a search shorter than this finds nothing
constexpr double kFairShare = 0.5;    // of the budget; a search that got less leaves a provisional record
constexpr double kForced = 10;        // a forced tactic is compiled, proven and timed in so much, or the budget if that is more
constexpr double kLetGo = 2;          // seconds that callers grant the last trial and the record beyond a search's time

// Whether the old winner, proven again, spares a search: an own kernel is timed against the vendor where libraries changed; a
// vendor's stands while its library is the same.
bool proof_may_do(const PlanRecord& old, const Machine& machine) {
  if (unproven(old) || old.provenance.provisional) return false;
  const Provenance today = machine.provenance(old.problem, old.tactic, true);
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

double TuningJob::budget() const { return seconds_of(request_.share, common_.settings.budget_s); }

bool TuningJob::has_end() const { return request_.whole && bucket_of(problem_.m).from < problem_.m; }

TuningJob::TuningJob(Common& common, DeviceState& device, const Problem& problem, Request request)
    : common_(common),
      device_(device),
      machine_(*device.machine),
      problem_(problem),
      text_(to_string(problem)),
      asked_(request),
      request_{.retune = request.retune,
               .recheck = request.recheck,
               .exact = true,
               .whole = !request.exact,
               .behind = request.behind,
               .share = request.share} {}

Served TuningJob::untuned(const std::string& why, Standing standing) {
  return old_or_fallback(common_, machine_, problem_, why, standing);
}

std::optional<TuningJob::Refusal> TuningJob::refused() {
  const Settings& settings = common_.settings;
  if (settings.budget_s < kLeastBudget)
    return Refusal{fmt::format("{}={:g} is too short for a search, which takes {:g} s at least",
                               settings.given_by("AK_BUDGET_S"), settings.budget_s, kLeastBudget),
                   Standing::lasting};
  if (common_.process_budget_left() < kLeastBudget) {
    const std::string limit = settings.given_by("AK_PROCESS_BUDGET_S");
    warn_once(fmt::format("the searches of this process have used up {}; new problems are served untuned", limit));
    return Refusal{fmt::format("the process budget is used up ({})", limit), Standing::passing};
  }
  if (const auto why = machine_.lacks_memory(problem_, common_.allowance(machine_))) {
    log(LogLevel::warn, "{}: {}", text_, *why);
    return Refusal{*why, Standing::passing};
  }
  return std::nullopt;
}

void TuningJob::run(const Turn& turn) {
  const ProfileRange range("search {}", text_);
  const auto entered = machine_.enter();
  served_ = device_.keep(problem_, tuned(turn));
  stand_by(common_, device_, problem_, served_, spare_);
  serve_bucket();
  // Calls may be in graphs, and not come again until the epoch says so.
  if (!request_.behind || (served_.standing != Standing::passing && alone_.empty())) return;
  auto next = std::make_shared<TuningJob>(common_, device_, problem_, asked_);
  next->again_ = again_, next->again_.later(Clock::now());
  turn.again(next, next->again_.wait_s);
}

// Its other calls get what was found now, those too that come again only when the epoch says so.
void TuningJob::serve_bucket() {
  for (const Problem& each : withdrawn_)
    device_.keep(each, without_search(common_, machine_, each, "its kernel is wrong at another m of its bucket"));
  if (!request_.whole || served_.standing != Standing::lasting || !alone_.empty()) return;
  for (const Problem& each : device_.waiting(problem_)) {
    std::optional<PlanRecord> old;
    if (auto known = hit(common_, machine_, each, kCall, old)) {
      if (known->record == served_.record) known->source = served_.source;
      device_.keep(each, std::move(*known));
    } else {
      device_.ask_again(each);
    }
  }
}

Served TuningJob::tuned(const Turn& turn) {
  if (request_.retune)
    old_ = common_.store->find(problem_, machine_.hardware());
  else if (auto known = hit(common_, machine_, problem_, request_, old_))  // left by who had the turn or the lease
    return *known;
  if (old_ && request_.whole && machine_.no_compiler()) {  // nothing is tried at the bucket's other end
    Request alone = request_;
    alone.whole = false;
    if (auto known = hit(common_, machine_, problem_, alone, old_)) return *known;
  }
  if (const auto refusal = refused()) return untuned(refusal->why, refusal->standing);
  const double budget = std::min(this->budget(), turn.by.remaining());
  if (budget < kLeastBudget)
    return untuned(fmt::format("other searches took all of {}", common_.settings.given_by("AK_BUDGET_S")), Standing::passing);
  if (!request_.retune) hint_ = find_hint(common_, machine_, problem_, old_);
  const std::string opening = warm_up(turn);
  turn.expect((1 + kMostOverrun) * budget / duty() + kLetGo);
  try {
    Served served = search(turn, budget);
    served.note = joined(served.note, opening);
    if (!turn.no_lease.empty())
      served.note =
          joined(served.note, fmt::format("without a lease, so other processes may search for it too: {}", turn.no_lease));
    return served;
  } catch (const std::exception& error) {
    if (turn.by.stopped()) {  // nobody will launch what could serve now
      log(LogLevel::info, "{}: the search is stopped: {}", text_, error.what());
      throw;
    }
    log(LogLevel::error, "{}: the search failed: {}", text_, error.what());
    return untuned(fmt::format("the search failed: {}", error.what()), passes(error) ? Standing::passing : Standing::lasting);
  }
}

// What the libraries took, as a note; empty when they were open.
std::string TuningJob::warm_up(const Turn& turn) {
  const auto began = Clock::now();
  try {
    machine_.warm_up(problem_, turn.by.stop());
  } catch (const std::exception& error) {
    log(LogLevel::info, "{}: before the search: {}", text_, error.what());
    return {};
  }
  const double took = seconds_since(began);
  if (took < 0.01) return {};
  const auto note = fmt::format("libraries opened and support kernels made in {:.2f} s, before the search's time", took);
  log(LogLevel::info, "{}: {}", text_, note);
  return note;
}

Allowance TuningJob::allowance(const Turn& turn, double seconds) const {
  Allowance allowance = common_.allowance(machine_);
  allowance.seconds = seconds, allowance.duty = duty(), allowance.stop = turn.by.stop();
  return allowance;
}

Served TuningJob::search(const Turn& turn, double seconds) {
  const Settings& settings = common_.settings;
  const bool by_process = common_.process_budget_left() < seconds;
  if (by_process) seconds = common_.process_budget_left();
  const auto without_end = [&](double all) { return has_end() ? all - end_of(all) : all; };
  seconds = without_end(seconds);
  Spending spending(allowance(turn, seconds));
  struct Account {
    TuningJob& job;
    const Spending& spending;
    ~Account() {
      job.common_.ledger.count(
          [&](Counters& c) { c.searches += !job.spared_, c.pack_hits += job.spared_ && job.hint_.has_value(); });
      job.common_.ledger.spend(spending.spent());
    }
  } account{*this, spending};

  Space space = machine_.space(problem_);
  if (const auto why = machine_.no_compiler()) {
    space.tactics.clear();
    without_ = fmt::format("no own kernels: {}", *why);
    log(LogLevel::warn, "{}: {}", text_, without_);
  }
  StoredQuarantine quarantine(*common_.store, machine_.hardware());
  auto runner = machine_.runner(problem_, spending.allowance(), &quarantine);
  const ProgressSink show = progress();
  std::optional<Tuned> found;
  auto hint = hint_;
  if (!hint && old_ && !request_.retune && without_.empty() && proof_may_do(*old_, machine_))
    hint = Hint{"store", *old_, is_vendor(old_->tactic) ? std::vector<Tactic>{} : std::vector{old_->tactic}, true, true};
  if (hint && without_.empty()) found = try_hint(common_, machine_, *hint, problem_, space, *runner, spending, show);
  spared_ = found.has_value();
  if (!found) {
    const Allowance rest = spending.left();
    log(LogLevel::info, "{}: {}; searching {} tactics for {:.1f} s on {}", text_, old_ ? "its record is stale" : "no record",
        space.tactics.size(), rest.seconds, describe(machine_.hardware()));
    auto list = without_.empty() ? proposers(rest) : decltype(proposers(rest)){};
    found = tune(problem_, machine_.device(), space, *runner, std::move(list), spending, show);
    if (rest.seconds < kFairShare * without_end(budget())) {
      found->provisional = true;
      const std::string whose = settings.given_by(by_process ? "AK_PROCESS_BUDGET_S" : "AK_BUDGET_S");
      found->note = joined(found->note, fmt::format("cut short: {:.1f} s were left of {}={:g}", rest.seconds, whose,
                                                    by_process ? settings.process_budget_s : settings.budget_s));
    }
    found->note = joined(found->note, without_);
  }
  if (turn.by.stopped()) throw Error(ErrorCode::internal, "its context ends");
  found->compiles = runner->compiles();
  common_.ledger.count([&](Counters& c) { c.trials += found->trials, c.compiles += found->compiles; });
  if (machine_.launches() && found->winner) spare_ = spare_kernel(machine_, problem_, *found, *runner, turn.by.stop());
  common_.ledger.count(
      [peak = runner->peak_bytes()](Counters& c) { c.search_peak_bytes = std::max(c.search_peak_bytes, peak); });
  const auto ended = Clock::now();
  runner.reset();
  log(LogLevel::debug, "{}: the runner let go in {:.3f} s", text_, seconds_since(ended));
  return adopt(std::move(*found), turn, spending);
}

std::vector<std::unique_ptr<Proposer>> TuningJob::proposers(const Allowance& allowance) {
  const Settings& settings = common_.settings;
  ProposerInputs inputs;
  inputs.portfolio = portfolio(common_, machine_, old_);
  inputs.deadline = allowance.latest();
  if (!settings.llm.empty()) {
    LlmOptions llm;
    llm.endpoint.provider = settings.llm;
    llm.endpoint.url = settings.llm_endpoint;
    llm.endpoint.model = settings.llm_model;
    llm.endpoint.key = settings.llm_key;
    llm.rounds = settings.llm_rounds;
    llm.proposals = settings.llm_proposals;
    llm.tokens_left = allowance.tokens;
    inputs.llm = std::make_shared<const LlmOptions>(std::move(llm));
  }
  return make_search_proposers(inputs);
}

// An old winner that is wrong or harms never serves again, whatever becomes of the search. Of other code than it was compiled
// from nothing follows for it.
void TuningJob::look_at(const Trial& trial) {
  if (!old_ || trial.correct() || !(trial.tactic == old_->tactic)) return;
  if (trial.outcome != Outcome::incorrect && !quarantined(common_, machine_, *old_)) return;
  if (other_code(*old_, machine_.provenance(problem_, old_->tactic, false))) return;
  log(LogLevel::warn, "{}: its record is erased: {}: {}: {}", text_, served_by(old_->tactic), name(trial.outcome), trial.why);
  common_.store->change(*old_, std::nullopt);
  for (Problem& other : device_.withdraw(problem_, old_->tactic)) withdrawn_.push_back(std::move(other));
}

ProgressSink TuningJob::progress() {
  return [this, &show = common_.settings.progress](const Progress& p) {
    look_at(*p.trial);
    if (!show) return;
    show({text_, to_string(p.trial->tactic), std::string(name(p.trial->outcome)), p.trial->us,
          p.best ? to_string(p.best->tactic) : "", p.best ? p.best->us : 0, p.trials, p.elapsed_s, p.budget_s});
  };
}

// What the record's tactic serves beside its own m. What was found out before stands while the times do; a record that serves
// those above its m goes on to, for it is no slower than cuBLASLt at theirs that is nearer.
void TuningJob::lend(PlanRecord& record, const Tuned& tuned, const Turn& turn, Spending& spending) {
  const TokenRange bucket = bucket_of(problem_.m);
  const PlanRecord* const known = spared_ && hint_ ? &hint_->record : old_ ? &*old_ : nullptr;
  if (known && known->tactic == record.tactic && known->us == record.us && known->bucket == bucket) {
    record.bucket = bucket;
    return;
  }
  if (old_ && (old_->tactic == record.tactic || problem_.m == old_->bucket.from)) record.bucket = old_->bucket;
  if (!has_end()) return;
  Spending end(allowance(turn, end_of(budget())), &spending);
  StoredQuarantine quarantine(*common_.store, machine_.hardware());
  const Widened widened = widen(common_, machine_, problem_, tuned, end, quarantine, progress());
  record.bucket = widened.bucket;
  record.provenance.note = joined(record.provenance.note, widened.note);
  if (widened.bucket.none()) alone_ = widened.note;
  if (!widened.lower) return;
  // What stands at that m was searched for, and serves its neighbours as well.
  Store& store = *common_.store;
  const PlanRecord stands = store.put_if_absent(*widened.lower, widened.cubin);
  if (unproven(stands) || stands.provenance.provisional) {
    store.change(stands, widened.lower, widened.cubin);
  } else if (stands.bucket != widened.lower->bucket) {
    PlanRecord more = stands;
    more.bucket = widened.lower->bucket;
    store.change(stands, more);
  }
}

Served TuningJob::adopt(Tuned tuned, const Turn& turn, Spending& spending) {
  Store& store = *common_.store;
  store.add_trials(problem_, machine_.hardware(), tuned.history);
  // What was learned of nothing but cuBLASLt replaces no own winner.
  if (!tuned.winner || (tuned.unfinished && old_ && !is_vendor(old_->tactic)))
    return untuned(tuned.note, tuned.unfinished ? Standing::passing : Standing::lasting);
  const Trial& winner = *tuned.winner;
  log(LogLevel::info,
      "{}: {} {:.2f} us (vendor {:.2f} us), {} trials, {} compiles, {:.2f} s = {:.2f} exploring + {:.2f} leaders + {:.2f} "
      "finals{}{}",
      text_, served_by(winner.tactic), winner.us, tuned.vendor.best_us, tuned.trials, tuned.compiles, tuned.seconds,
      tuned.explore_s, tuned.refine_s, tuned.finals_s, tuned.note.empty() ? "" : "; ", tuned.note);

  PlanRecord record = record_of(machine_, problem_, tuned);
  if (!without_.empty() && old_ && !is_vendor(old_->tactic)) {  // its own winner outlives a process without a compiler
    log(LogLevel::info, "{}: not written down: the record that stands has an own kernel", text_);
    return {machine_.load(record, tuned.artifact.cubin), "this process", record, tuned.note};
  }
  lend(record, tuned, turn, spending);
  if (const auto harm = quarantined(common_, machine_, record))
    return untuned(fmt::format("its kernel did harm at another m of its bucket: {}", *harm), Standing::passing);
  if (request_.retune || old_) {
    store.replace(record, tuned.artifact.cubin);
  } else if (const PlanRecord stands = store.put_if_absent(record, tuned.artifact.cubin); !(stands.tactic == record.tactic)) {
    // Another process was first. One winner for all, unless it cannot run here.
    if (!unproven(stands) && !stale(stands, machine_.provenance(problem_, stands.tactic, true)))
      if (auto served = load(common_, machine_, stands, problem_)) return *served;
  }
  return {machine_.load(record, tuned.artifact.cubin), spared_ && hint_ ? hint_->source : "this process", record, tuned.note};
}

void ForcedTrial::run(const Turn& turn) {
  Machine& machine = *device_.machine;
  const auto entered = machine.enter();
  const Tactic& tactic = *common_.settings.force_tactic;
  const Deadline deadline = Deadline::in(std::max(kForced, common_.settings.budget_s), turn.by.stop());
  try {
    StoredQuarantine quarantine(*common_.store, machine.hardware());
    const auto runner = machine.runner(problem_, common_.allowance(machine), &quarantine);
    const auto why = is_vendor(tactic) ? std::nullopt : machine.space(problem_).rejects(tactic);
    if (why) throw Error(ErrorCode::unsupported, *why);
    const Trial trial = runner->run(tactic, Effort::quick, deadline);
    common_.ledger.count([&](Counters& c) { ++c.trials, c.compiles += runner->compiles(); });
    if (!trial.correct()) throw Error(ErrorCode::unsupported, fmt::format("{}: {}", name(trial.outcome), trial.why));
    const Artifact artifact = runner->artifact(tactic);
    Served served;
    served.source = "this process";
    served.record.problem = problem_, served.record.hardware = machine.hardware();
    served.record.tactic = tactic, served.record.vendor_algo = artifact.vendor_algo, served.record.us = trial.us;
    served.plan = machine.load(served.record, artifact.cubin);
    served.note = "AK_FORCE_TACTIC";
    served_ = device_.keep(problem_, std::move(served));
    stand_by(common_, device_, problem_, *served_);
  } catch (const std::exception& error) {
    warn_once(fmt::format("AK_FORCE_TACTIC '{}' cannot serve {}: {}", to_string(tactic), to_string(problem_), error.what()));
  }
}

}  // namespace ak
