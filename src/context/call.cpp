// A call's way: the table, else the store, else the tuning service, else a fallback.
#include <fmt/format.h>

#include "base/log.hpp"
#include "base/profile.hpp"
#include "context/describe.hpp"
#include "context/fallback.hpp"
#include "context/guard.hpp"
#include "context/later_records.hpp"
#include "context/loop_guard.hpp"
#include "context/spare.hpp"
#include "context/state.hpp"
#include "context/stored.hpp"
#include "context/stored_quarantine.hpp"
#include "core/bucket.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "machine/gpu.hpp"

namespace ak {

// --- hot -------------------------------------------------------------------------------------------------------------

void Context::Impl::matmul_act(Stream stream, const Problem& problem, const CallArgs& args) {
  if (state_->asked) [[unlikely]]
    state_->asked->count(problem);
  DeviceState& device = state_->device();
  state_->serve(device, stream, problem, args, device.table.find(problem));
}

void Context::Impl::matmul_act(Stream stream, Plan::State& bound, const CallArgs& args) {
  if (state_->asked) [[unlikely]]
    state_->asked->count(bound.problem);
  const std::uint64_t epoch = bound.device->table.epoch();
  if (bound.seen != epoch) [[unlikely]]
    bound.plan = bound.device->table.find(bound.problem), bound.seen = epoch;
  try {
    if (!bound.plan || is_vendor(bound.plan->tactic())) [[unlikely]]
      return state_->serve_in_its_context(bound, stream, args);
    state_->serve(*bound.device, stream, bound.problem, args, bound.plan);
  } catch (const SmallWorkspace&) {  // no fault of the caller's where a search has changed what was needed
    if (args.workspace_bytes < bound.workspace_told) throw;
    const auto entered = bound.device->machine->enter();
    state_->launch_spare(*bound.device, stream, bound.problem, args);
  }
}

// A kernel is of one context and launched nowhere else; cuBLASLt works in whichever is current.
void Context::Impl::State::serve_in_its_context(Plan::State& bound, Stream stream, const CallArgs& args) {
  DeviceState& device = *bound.device;
  CUcontext current = nullptr;
  std::shared_ptr<void> entered;
  if (device.context && (driver().cuCtxGetCurrent(&current) != CUDA_SUCCESS || current != device.context)) {
    device.machine->check_stream(stream);  // one of its own knows where it is
    entered = device.machine->enter();
  }
  serve(device, stream, bound.problem, args, bound.plan);
}

// plan: the table's; null: it has none.
void Context::Impl::State::serve(DeviceState& device, Stream stream, const Problem& problem, const CallArgs& args,
                                 const LaunchPlan* plan) {
  if (!plan) [[unlikely]]
    plan = cold_plan(device, stream, problem);
  if (device.guard && device.guard->due()) [[unlikely]]
    device.guard->check(stream, problem, args, *plan);
  try {
    if (!plan->try_launch(stream, args)) [[unlikely]]
      launch_spare(device, stream, problem, args);
  } catch (const SmallWorkspace&) {
    throw;
  } catch (const Error&) {
    device.machine->check_stream(stream);  // the likeliest reason, in the caller's words
    throw;
  }
}

// The table or the interims hold it for the life of the device.
const LaunchPlan* Context::Impl::State::cold_plan(DeviceState& device, Stream stream, const Problem& problem) {
  if (!device.machine->launches())
    throw Error(ErrorCode::unsupported, "nothing can be launched from a recording (AK_RECORDING); prepare and explain work");
  device.machine->check_stream(stream);
  if (!device.machine->capturing(stream)) return plan_for(device, problem, kCall).plan.get();
  const Served served = interim(device, problem, "met during a stream capture");
  if (common.settings.mode == Mode::background && served.standing != Standing::lasting && problem.k > 0) queue(device, problem);
  return served.plan.get();
}

// For want of scratch memory. The plan is made once; in a capture no kernel is proven for it, but one that was is loaded.
void Context::Impl::State::launch_spare(DeviceState& device, Stream stream, const Problem& problem, const CallArgs& args) {
  const LaunchPlan* spare = device.spares.find(problem);
  bool lasts = spare || (!device.machine->capturing(stream) && !TuningService::inside());
  if (!spare && !lasts) spare = device.capture_spares.find(problem);
  if (!spare) {
    const auto relaxed = device.machine->enter();
    std::string why;
    StoredQuarantine quarantine(*common.store, device.machine->hardware());
    PlanPtr made = stored_spare(common, *device.machine, problem);
    if (made)
      lasts = true;
    else
      made = device.machine->without_scratch(problem, proving(common, *device.machine, quarantine, lasts), why);
    if (!made)
      throw Error(
          ErrorCode::out_of_memory,
          fmt::format("the workspace of {} is not to be had, and nothing serves it without one: {}", to_string(problem), why));
    warn_once(fmt::format("{}: no scratch memory is to be had{}; {} without a workspace serves while that is so",
                          to_string(problem), args.workspace ? " in the caller's workspace" : "", served_by(made->tactic())));
    spare = made.get();
    (lasts ? device.spares : device.capture_spares).publish(problem, std::move(made));
  }
  scratch_fallbacks.fetch_add(1, std::memory_order_relaxed);
  spare->launch(stream, args);
}

std::unique_ptr<Plan::State> Context::Impl::bind(const Problem& problem) {
  auto bound = std::make_unique<Plan::State>();
  bound->life = state_->life, bound->device = &state_->device(), bound->problem = problem;
  bound->bucket = bucket_of(problem.m);
  state_->plan_for(*bound->device, problem, kCall);
  for (const std::int64_t m : {bound->bucket.from, bound->bucket.to}) state_->at_hand(*bound->device, with_tokens(problem, m));
  return bound;
}

std::int64_t Context::Impl::workspace_bytes(Plan::State& bound) {
  std::int64_t most = 0;
  for (const std::int64_t m : {bound.problem.m, bound.bucket.from, bound.bucket.to}) {
    const Problem problem = with_tokens(bound.problem, m);
    const LaunchPlan* plan = bound.device->table.find(problem);
    const auto known = plan ? std::nullopt : bound.device->find(problem);
    if (known) plan = known->plan.get();
    if (plan) most = std::max(most, plan->workspace_bytes());
  }
  return bound.workspace_told = most;
}

// Nothing is searched for it.
void Context::Impl::State::at_hand(DeviceState& device, const Problem& problem) {
  if (device.find(problem) || common.settings.mode == Mode::off || problem.k == 0) return;
  const auto entered = device.machine->enter();
  device.keep(problem, [&] {
    std::optional<PlanRecord> old;
    return hit(common, *device.machine, problem, kCall, old);
  });
}

DeviceState& Context::Impl::State::device() {
  if (only) return *only;
  unsigned long long id = 0;
  // Of the context that is current. A later one may get the handle of one that is gone, never its number.
  if (driver().cuCtxGetId(nullptr, &id) == CUDA_SUCCESS)
    for (DeviceState* device = devices.load(std::memory_order_acquire); device; device = device->next)
      if (device->context_id == id) return *device;
  return open_device();
}

DeviceState& Context::Impl::State::open_device() {
  const CUcontext current = current_context();
  const std::uint64_t id = context_id(current);
  const std::lock_guard lock(opening);
  for (DeviceState* device = devices; device; device = device->next)
    if (device->context_id == id) return *device;
  auto made =
      std::make_unique<DeviceState>(make_gpu_machine(gpu_options(common.settings, common.store->folder())), now, current, id);
  if (const int every = common.settings.guard_every; every > 0) {
    made->guard = std::make_shared<Guard>(common, *service, *made, every);
    made->loop_guard = std::make_shared<LoopGuard>(common, *service, *made, every);
  }
  made->next = devices;
  devices.store(made.get(), std::memory_order_release);
  return *made.release();
}

// --- cold ------------------------------------------------------------------------------------------------------------

Served Context::Impl::State::plan_for(DeviceState& device, const Problem& problem, Request request) {
  if (TuningService::inside()) return interim(device, problem, "asked for from within a search");  // it would wait for itself
  const auto [known, asked_before] = device.known(problem, request);
  if (known) return *known;
  const ProfileRange range("first call {}", to_string(problem));
  if (asked_before > 0) common.ledger.count([](Counters& c) { ++c.retries; });
  const auto entered = device.machine->enter();
  if (common.settings.force_tactic && problem.k > 0 && common.settings.mode != Mode::off)
    if (auto served = forced(device, problem)) return *served;
  if (auto served = device.keep(problem, [&] { return unsearched(device, problem, request); })) {
    if (served->stands_in) LaterRecords::look(*service, common, device);
    return *served;
  }
  // Another process's search was waited for once. It may be a stopped one, so from then on it is only looked for.
  return searched(device, problem, request,
                  asked_before > 0 ? TuningService::Patience::no_lease : TuningService::Patience::turn);
}

// Neither searches nor synchronises nor waits for who does. A record's kernel is loaded, which a capture allows; without one
// the problem stays open: a later call may still tune it, and the next capture looks for a record again.
Served Context::Impl::State::interim(DeviceState& device, const Problem& problem, const std::string& why) {
  std::optional<Served> meanwhile;
  Machine& machine = *device.machine;
  const auto entered = machine.enter();
  auto served = device.keep(problem, [&]() -> std::optional<Served> {
    meanwhile = device.find(problem);
    if (meanwhile && meanwhile->standing == Standing::lasting) return std::nullopt;
    Served found;
    if (problem.k == 0) {
      if (meanwhile) return std::nullopt;
      found.plan = machine.pass(problem);
    } else {
      std::optional<PlanRecord> old;
      if (common.settings.mode != Mode::off && !common.settings.force_tactic)
        if (auto known = hit(common, machine, problem, kCall, old)) return known;
      if (meanwhile) return std::nullopt;
      auto known = still_serves(common, machine, problem, old, why);
      found = known ? *known : fallback(common, machine, problem, why, Standing::momentary, false);
    }
    found.standing = Standing::momentary;
    found.stands_in = reads_only(machine) && problem.k > 0;
    return found;
  });
  if (served && served->stands_in && !TuningService::inside()) LaterRecords::look(*service, common, device);
  return served ? *served : *meanwhile;
}

// What serves without a search; nullopt when one is due.
std::optional<Served> Context::Impl::State::unsearched(DeviceState& device, const Problem& problem, Request request) {
  Machine& machine = *device.machine;
  if (problem.k == 0) {
    Served served{machine.launches() ? machine.pass(problem) : nullptr, "this process", {}, "k is 0: bias and C only"};
    served.record.tactic.family = FamilyId::vendor;
    return served;
  }
  const std::string mode = common.settings.mode_given();
  if (common.settings.mode == Mode::off) return fallback(common, machine, problem, mode);
  std::optional<PlanRecord> old;
  if (request.retune)
    old = common.store->find(problem, machine.hardware());
  else if (auto known = hit(common, machine, problem, request, old))
    return known;
  if (common.settings.searches()) return std::nullopt;
  auto served = still_serves(common, machine, problem, old, mode);
  if (!served)
    served =
        fallback(common, machine, problem, fmt::format("{} and {}", old ? "its record is to be proven" : "no record", mode));
  served->stands_in = reads_only(machine);
  return served;
}

// Whether records serve here, and none is made.
bool Context::Impl::State::reads_only(const Machine& machine) const {
  return machine.launches() && !common.settings.searches() && common.settings.mode != Mode::off &&
         !common.settings.force_tactic;
}

std::optional<Served> Context::Impl::State::forced(DeviceState& device, const Problem& problem) {
  const Digest key = Hasher().field("forced", key_of(problem, device.machine->hardware()).hex()).digest();
  const auto ticket = service->enqueue({.place = &device,
                                        .key = key,
                                        .device = device.machine->device_ordinal(),
                                        .work = std::make_shared<ForcedTrial>(common, device, problem),
                                        .leased = false},
                                       Deadline::never());
  if (service->wait(ticket, Deadline::never()) != TuningService::End::done) return std::nullopt;
  return static_cast<const ForcedTrial&>(*TuningService::work(ticket)).served();
}

// Where a problem is tuned: a call without a record of its own at its bucket's last m, for all of it.
Problem Context::Impl::State::tuned_at(const DeviceState& device, const Problem& problem, Request& request) const {
  request.exact =
      !request.whole && (request.exact || request.retune || common.store->find(problem, device.machine->hardware()));
  return request.exact ? problem : with_tokens(problem, bucket_of(problem.m).to);
}

TuningRequest Context::Impl::State::search_of(DeviceState& device, const Problem& problem, Request request,
                                              std::shared_ptr<TuningJob> job) const {
  return {.place = &device,
          .key = key_of(problem, device.machine->hardware()),
          .kind = request.kind(),
          .device = device.machine->device_ordinal(),
          .work = std::move(job)};
}

// Of a capture: nobody waits for it, nor is told.
void Context::Impl::State::queue(DeviceState& device, const Problem& problem) {
  if (TuningService::inside()) return;
  const auto entered = device.machine->enter();
  Request request = kCall;
  request.behind = true;
  const Problem tuned = tuned_at(device, problem, request);
  const auto job = std::make_shared<TuningJob>(common, device, tuned, request);
  if (const auto refusal = job->refused(); refusal && refusal->standing == Standing::lasting) return;
  TuningRequest search = search_of(device, tuned, request, job);
  search.kept = true;
  service->enqueue(std::move(search), Deadline::never());
}

// What serves meanwhile is made before the GPU has more to do. It is asked for again from time to time, which joins the search
// that waits or runs; one that was in vain for a passing reason is made again without that too.
Served Context::Impl::State::behind(DeviceState& device, const Problem& problem, TuningRequest search, const std::string& why) {
  search.kept = true;
  auto meanwhile = device.keep(problem, [&]() -> std::optional<Served> {
    if (auto known = device.interim(problem)) return known;
    return old_or_fallback(common, *device.machine, problem, why, Standing::passing);
  });
  service->enqueue(std::move(search), Deadline::never());
  return *meanwhile;
}

Served Context::Impl::State::searched(DeviceState& device, const Problem& problem, Request request,
                                      TuningService::Patience patience) {
  request.behind = common.settings.mode == Mode::background && request.kind() == kCall.kind();
  const Problem tuned = tuned_at(device, problem, request);
  const auto job = std::make_shared<TuningJob>(common, device, tuned, request);
  const auto refusal = job->refused();
  if (refusal && !(request.behind && refusal->standing == Standing::passing))
    return *device.keep(problem, [&] {
      return std::optional(old_or_fallback(common, *device.machine, problem, refusal->why, refusal->standing));
    });
  TuningRequest search = search_of(device, tuned, request, job);
  if (request.behind)
    return behind(device, problem, std::move(search), refusal ? refusal->why : "it is searched for behind the calls");
  const auto ticket = service->enqueue(std::move(search), Deadline::in(common.settings.budget_s));
  // As long as a search of its own might take: those that start together then all get the one winner.
  const Deadline patient = Deadline::in((1 + kMostOverrun) * common.settings.budget_s);
  const TuningService::End end = service->wait(ticket, patient, patience);
  if (service->met_elsewhere(ticket)) common.ledger.count([](Counters& c) { ++c.lease_waits; });
  if (end == TuningService::End::done) {
    const auto& done = static_cast<const TuningJob&>(*TuningService::work(ticket));
    return problem == tuned ? done.served() : lent(device, problem, done);
  }
  const std::string why = end == TuningService::End::elsewhere ? "another process searches for it"
                          : end == TuningService::End::device
                              ? fmt::format("other searches took all of {}", common.settings.given_by("AK_BUDGET_S"))
                              : "its search has not ended in time";
  return *device.keep(problem, [&]() -> std::optional<Served> {
    std::optional<PlanRecord> old;
    if (!request.retune)  // a look at the store after every wait
      if (auto known = hit(common, *device.machine, problem, request, old)) return known;
    return old_or_fallback(common, *device.machine, problem, why, Standing::passing);
  });
}

// What was found for its bucket, as it serves the problem.
Served Context::Impl::State::lent(DeviceState& device, const Problem& problem, const TuningJob& job) {
  const Served& tuned = job.served();
  return *device.keep(problem, [&]() -> std::optional<Served> {
    std::optional<PlanRecord> old;
    if (auto known = hit(common, *device.machine, problem, kCall, old)) {
      if (known->record == tuned.record) known->source = tuned.source;
      return known;
    }
    const bool passing = tuned.standing != Standing::lasting || !job.alone().empty();
    return old_or_fallback(common, *device.machine, problem, job.alone().empty() ? tuned.note : job.alone(),
                           passing ? Standing::passing : Standing::lasting);
  });
}

}  // namespace ak
