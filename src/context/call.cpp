// A call's way: the table, else the store, else the tuning service, else a fallback.
#include <fmt/format.h>

#include "base/log.hpp"
#include "context/fallback.hpp"
#include "context/state.hpp"
#include "context/stored.hpp"
#include "context/words.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "machine/gpu.hpp"

namespace ak {

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
    const auto relaxed = site.machine->enter();
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
  auto made = std::make_unique<Site>(make_gpu_machine({common.settings.scratch_bytes, common.settings.isolation, common.settings.worker}), now, current, id);
  made->next = sites;
  sites.store(made.get(), std::memory_order_release);
  return *made.release();
}

// --- cold ------------------------------------------------------------------------------------------------------------

Served Context::Impl::State::plan_for(Site& site, const Problem& problem, Ask ask) {
  if (TuningService::inside()) return stand_in(site, problem, "asked for from within a search");  // it would wait for itself
  const auto [known, asked_before] = site.known(problem, ask);
  if (known) return *known;
  if (asked_before > 0) common.ledger.count([](Counters& c) { ++c.retries; });
  const auto entered = site.machine->enter();
  if (common.settings.force_tactic && problem.k > 0 && common.settings.mode != Mode::off)
    if (auto served = forced(site, problem)) return *served;
  if (auto served = unsearched(site, problem, ask)) return site.keep(problem, std::move(*served));
  // Another process's search was waited for once. It may be a stopped one, so from then on it is only looked for.
  return searched(site, problem, ask, asked_before > 0 ? TuningService::Patience::no_lease : TuningService::Patience::turn);
}

// Neither searches nor synchronises nor waits for who does. A record's kernel is loaded, which a capture allows; without one
// the problem stays open: a later call may still tune it.
Served Context::Impl::State::stand_in(Site& site, const Problem& problem, const std::string& why) {
  if (auto known = site.stand_in(problem)) return *known;
  Machine& machine = *site.machine;
  const auto entered = machine.enter();
  Served served;
  if (problem.k == 0) {
    served.plan = machine.pass(problem);
  } else {
    std::optional<PlanRecord> old;
    if (common.settings.mode != Mode::off && !common.settings.force_tactic)
      if (auto known = hit(common, machine, problem, false, old)) return site.keep(problem, std::move(*known));
    auto known = still_serves(common, machine, old, why);
    served = known ? *known : fallback(common, machine, problem, why);
  }
  served.standing = Standing::momentary;
  return site.keep(problem, std::move(served));
}

// What serves without a search; nullopt when one is due.
std::optional<Served> Context::Impl::State::unsearched(Site& site, const Problem& problem, Ask ask) {
  Machine& machine = *site.machine;
  if (problem.k == 0) {
    Served served{machine.launches() ? machine.pass(problem) : nullptr, "this process", {}, "k is 0: bias and C only"};
    served.record.tactic.family = FamilyId::vendor;
    return served;
  }
  if (common.settings.mode == Mode::off) return fallback(common, machine, problem, "AK_MODE is off");
  std::optional<PlanRecord> old;
  if (ask.retune)
    old = common.store->find(problem, machine.hardware());
  else if (auto known = hit(common, machine, problem, ask.recheck, old))
    return known;
  if (common.settings.mode != Mode::hit) return std::nullopt;
  if (auto known = still_serves(common, machine, old, "AK_MODE is hit")) return known;
  return fallback(common, machine, problem,
                  old ? "its record is to be proven and AK_MODE is hit" : "no record and AK_MODE is hit");
}

std::optional<Served> Context::Impl::State::forced(Site& site, const Problem& problem) {
  const Digest key = Hasher().field("forced", key_of(problem, site.machine->hardware()).hex()).digest();
  const auto ticket = service->enqueue({.place = &site,
                                        .key = key,
                                        .device = site.machine->device_ordinal(),
                                        .work = std::make_shared<ForcedTrial>(common, site, problem),
                                        .leased = false},
                                       Deadline::never());
  service->wait(ticket, Deadline::never());
  return static_cast<const ForcedTrial&>(*TuningService::work(ticket)).served();
}

Served Context::Impl::State::searched(Site& site, const Problem& problem, Ask ask, TuningService::Patience patience) {
  const auto job = std::make_shared<TuningJob>(common, site, problem, ask);
  if (auto answer = job->refused()) return site.keep(problem, std::move(*answer));
  const Deadline by = Deadline::in(common.settings.budget_s);
  const auto ticket = service->enqueue(
      {.place = &site, .key = key_of(problem, site.machine->hardware()), .device = site.machine->device_ordinal(), .work = job},
      by);
  const TuningService::End end = service->wait(ticket, by, patience);
  if (service->met_elsewhere(ticket)) common.ledger.count([](Counters& c) { ++c.lease_waits; });
  if (end == TuningService::End::done) return static_cast<const TuningJob&>(*TuningService::work(ticket)).served();
  std::optional<PlanRecord> old;
  if (!ask.retune)  // a look at the store after every wait
    if (auto known = hit(common, *site.machine, problem, ask.recheck, old)) return site.keep(problem, std::move(*known));
  const char* const why = end == TuningService::End::elsewhere ? "another process searches for it"
                          : end == TuningService::End::device  ? "other searches took all of AK_BUDGET_S"
                                                               : "its search has not ended in time";
  return site.keep(problem, old_or_fallback(common, *site.machine, problem, why, Standing::passing));
}

}  // namespace ak
