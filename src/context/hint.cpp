#include "context/hint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.hpp"
#include "context/describe.hpp"
#include "context/stored.hpp"

namespace ak {
namespace {

// The same sizes, layouts and alignments under another activation, bias or 16-bit type: its kernels are worth a short search.
constexpr double kKin = 0.5;
constexpr std::size_t kKinKernels = 4;

bool is_kin(const Problem& a, const Problem& b) { return a.m == b.m && a.n == b.n && a.k == b.k && distance(a, b) < kKin; }

// In octaves of problem size: what another GPU's winner is worth less.
double apart(const Hardware& a, const Hardware& b) {
  if (a == b) return 0;
  const double sms = std::fabs(std::log2(std::max(a.sm_count, 1) / static_cast<double>(std::max(b.sm_count, 1))));
  return (a.compute == b.compute ? 0.5 : 2) + sms;
}

// Why the times of a record that was made elsewhere do not stand here.
std::optional<std::string> to_time(const Machine& machine, const PlanRecord& record, bool again = false) {
  if (record.provenance.provisional) return "its times are provisional";
  Provenance today = machine.provenance(record.problem, record.tactic, true);
  if (again) today.driver.clear();  // another release of it asks for a proof, not for other times of this machine's winner
  return stale(record, today);
}

}  // namespace

std::optional<Hint> find_hint(const Common& common, const Machine& machine, const Problem& problem,
                              const std::optional<PlanRecord>& old) {
  const Hardware& here = machine.hardware();
  if (old && unproven(*old)) {
    Hint hint{"import", *old, {}, true};
    if (!is_vendor(old->tactic)) hint.own = {old->tactic};
    return hint;
  }
  const auto hint_of = [](const Packs::Found& found, bool exact) {
    Hint hint{*found.pack, found.entry->record, {}, exact};
    if (const Tactic* kernel = found.entry->kernel()) hint.own = {*kernel};
    return hint;
  };
  const auto found = common.packs.find(problem, here);
  if (old) {  // this machine's own winner is proven again by a search, unless a pack's was made, and timed in peace, with what
              // is here now
    return found && !to_time(machine, found.entry->record) ? std::optional(hint_of(found, true)) : std::nullopt;
  }
  if (found) return hint_of(found, true);

  std::vector<std::pair<double, Packs::Found>> kin;
  for (const Pack& pack : common.packs.all())
    for (const PackEntry& entry : pack.entries)
      if (entry.record.hardware == here && entry.kernel() && is_kin(entry.record.problem, problem))
        kin.emplace_back(distance(entry.record.problem, problem), Packs::Found{&entry, &pack.name});
  if (kin.empty()) return std::nullopt;
  std::stable_sort(kin.begin(), kin.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Hint hint = hint_of(kin.front().second, false);
  for (const auto& [d, found] : kin)
    if (const Tactic& tactic = *found.entry->kernel();
        hint.own.size() < kKinKernels && std::find(hint.own.begin(), hint.own.end(), tactic) == hint.own.end())
      hint.own.push_back(tactic);
  return hint;
}

// Nothing from a file is trusted: its kernels pass the family's rules, are compiled, gated and verified. Where all that they
// were timed with is the same here, the times stand; else they are timed against cuBLASLt, whose own winners are always looked
// up anew.
std::optional<Tuned> try_hint(Common& common, const Machine& machine, Hint hint, const Problem& problem, const Space& space,
                              Runner& runner, Spending& spending, const ProgressSink& progress) {
  const std::string text = to_string(problem);
  std::erase_if(hint.own, [&](const Tactic& tactic) {
    const auto why = space.rejects(tactic);
    if (why) log(LogLevel::warn, "{}: {} names {}: {}", text, hint.source, to_string(tactic), *why);
    return why.has_value();
  });
  const PlanRecord& record = hint.record;
  const bool vendor = is_vendor(record.tactic);
  if (hint.own.empty() && !vendor) return std::nullopt;
  const auto changed =
      hint.exact ? to_time(machine, record, hint.again) : std::optional(fmt::format("it is for {}", to_string(record.problem)));

  Tuned tuned;
  if (!vendor && !changed) {
    const auto began = Clock::now();
    Trial trial = runner.prove(record.tactic, spending.left().deadline());
    trial.proposer = hint.again ? record.provenance.proposer : "pack", trial.us = record.us,
    trial.ratio = record.us > 0 ? record.vendor_us / record.us : 0;
    if (!trial.correct()) trial.us = trial.ratio = 0;
    tuned.history = {trial};
    tuned.trials = 1;
    tuned.seconds = seconds_since(began);
    if (trial.correct()) {
      tuned.winner = tuned.own = trial;
      tuned.vendor.best_us = record.vendor_us;
      tuned.artifact = runner.artifact(record.tactic);
      tuned.note = hint.again ? "proven again; timed before"
                              : fmt::format("from the {}: proven here, timed where it was made", hint.source);
      tuned.note = joined(tuned.note, runner.extent(record.tactic));
      return tuned;
    }
    if (progress) progress({&problem, &trial, nullptr, 1, spending.spent(), spending.allowance().seconds});
    log(LogLevel::warn, "{}: {} names {}, which fails here: {}: {}", text, hint.source, to_string(record.tactic),
        name(trial.outcome), trial.why);
  } else {
    ProposerInputs inputs;
    if (!vendor || changed)
      for (const Tactic& tactic : hint.own) inputs.portfolio.push_back({problem, tactic});
    std::vector<std::unique_ptr<Proposer>> list;
    list.push_back(make_proposer("portfolio", inputs));
    tuned = tune(problem, machine.device(), space, runner, std::move(list), spending, progress);
    if (tuned.winner && (vendor || !is_vendor(tuned.winner->tactic))) {
      tuned.note = joined(tuned.note,
                          fmt::format("from the {}: proven and timed here{}", hint.source, changed ? ", for " + *changed : ""));
      return tuned;
    }
    log(LogLevel::info, "{}: what the {} names does not win here", text, hint.source);
  }
  common.store->add_trials(problem, machine.hardware(), tuned.history);
  common.ledger.count([&](Counters& c) { c.trials += tuned.trials; });
  return std::nullopt;
}

std::vector<PortfolioItem> portfolio(const Common& common, const Machine& machine, const std::optional<PlanRecord>& old) {
  const Hardware& here = machine.hardware();
  std::vector<PortfolioItem> items;
  if (old && !is_vendor(old->tactic)) items.push_back({old->problem, old->tactic});
  // What was found on a recording says nothing of a GPU, and a recording's searches are compared with each other.
  const auto add = [&](const PlanRecord& record, const Tactic* kernel) {
    if (kernel && record.hardware.recording == here.recording)
      items.push_back({record.problem, *kernel, apart(record.hardware, here)});
  };
  common.store->for_each([&](const PlanRecord& record) { add(record, is_vendor(record.tactic) ? nullptr : &record.tactic); });
  for (const Pack& pack : common.packs.all())
    for (const PackEntry& entry : pack.entries) add(entry.record, entry.kernel());
  return items;
}

}  // namespace ak
