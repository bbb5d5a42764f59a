// What the outside asks of a context, but the calls themselves (call.cpp).
#include "context/context.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/environment.hpp"
#include "context/describe.hpp"
#include "context/hint.hpp"
#include "context/loop_state.hpp"
#include "context/shares.hpp"
#include "context/state.hpp"
#include "context/stored.hpp"
#include "core/bucket.hpp"
#include "recording/recorded_machine.hpp"

namespace ak {

Context::Impl::State::State(Impl& impl, Settings settings, std::unique_ptr<Machine> machine,
                            std::function<Clock::time_point()> clock)
    : common(settings, settings.cache_dir.empty() ? memory_store(settings.given_by("AK_CACHE_DIR") + " is empty")
                                                  : open_store(settings.cache_dir)),
      now(std::move(clock)),
      life(std::make_shared<std::atomic<Impl*>>(&impl)),
      service(std::make_unique<TuningService>(common.store->folder())) {
  read_environment();
  if (settings.mode == Mode::record)
    asked = std::make_unique<ProblemLog>(settings.record_file, settings.given_by("AK_RECORD_FILE"));
  if (!machine && !settings.recording.empty()) machine = make_recording_machine(settings.recording);
  if (machine) only = std::make_unique<DeviceState>(std::move(machine), now);
}

Context::Impl::State::~State() {
  life->store(nullptr);
  service.reset();
  for (DeviceState* device = devices; device;) delete std::exchange(device, device->next);
}

Explanation Context::Impl::State::explanation(DeviceState& device, const Problem& problem, const Served& served) const {
  const auto& record = served.record;
  Explanation e;
  e.problem = to_string(problem);
  e.hardware = describe(device.machine->hardware());
  e.source = served.source;
  e.from_recording = !device.machine->hardware().recording.empty();
  e.note = served.note;
  const bool fallen_back = served.source == "vendor fallback" || served.source == "untuned";
  const bool meanwhile = served.plan && served.standing != Standing::lasting;
  if (fallen_back || meanwhile || served.standing == Standing::passing) e.note += fmt::format(" ({})", name(served.standing));
  if (served.source == "none") {
    e.served_by = "no record";
    return e;
  }
  const bool unranked = is_vendor(record.tactic) && !served.plan && unproven(record);  // which heuristic is found here
  e.served_by = problem.k == 0 ? "the separate pass" : unranked ? "cuBLASLt" : served_by(record.tactic);
  e.proposer = record.provenance.proposer;
  if (served.plan || served.source == "store") e.bucket = record.bucket;
  e.us = record.us;
  e.vendor_us = record.vendor_us;
  e.trials = record.provenance.trials;
  e.search_s = record.provenance.search_s;
  if (const LaunchPlan* spare = device.spares.find(problem); spare && scratch_fallbacks > 0)
    e.note = joined(e.note, fmt::format("{} without a workspace serves where scratch memory is not to be had",
                                        ak::served_by(spare->tactic())));
  if (const Store::Fault fault = common.store->fault(); !fault.writing.empty())
    e.note = joined(e.note, fmt::format("new records are not kept: {}", fault.writing));
  return e;
}

// Of a problem that was not met yet.
Explanation Context::Impl::State::expectation(DeviceState& device, const Problem& problem) {
  Served served;
  served.source = "none";
  if (common.settings.mode == Mode::off) {
    served.note = common.settings.mode_given() + ": cuBLASLt would serve it";
  } else if (const auto record = record_for(*common.store, device.machine->hardware(), problem)) {
    auto why = to_prove(*device.machine, *record);
    if (const auto harm = quarantined(common, *device.machine, *record)) why = "its kernel is in quarantine: " + *harm;
    served = {nullptr, "store", *record, why ? fmt::format("to be proven: {}", *why) : record->provenance.note};
  } else if (!common.settings.searches()) {
    served.note = "cuBLASLt would serve it";
  } else if (common.settings.mode == Mode::background) {
    served.note = "cuBLASLt would serve it, and a search begin behind the calls";
  } else if (const auto hint = find_hint(common, *device.machine, with_tokens(problem, bucket_of(problem.m).to), {});
             hint && hint->exact) {
    served = {nullptr, hint->source, hint->record, "the first call would compile and prove it here"};
  } else {
    served.note =
        hint ? fmt::format("the first call would time what the {} has for {}", hint->source, to_string(hint->record.problem))
             : "the first call would search";
  }
  return explanation(device, problem, served);
}

Context::Impl::Impl(Settings settings, std::unique_ptr<Machine> machine, std::function<Clock::time_point()> now)
    : numerics_(settings.numerics),
      state_(std::make_unique<State>(*this, std::move(settings), std::move(machine), std::move(now))) {}

Context::Impl::~Impl() = default;

Numerics Context::Impl::checked(Numerics asked) const {
  if (asked > Numerics::batch_invariant)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("epilogue.numerics: {} is not a numeric policy", static_cast<int>(asked)));
  if (asked != Numerics::fast && settings().mode == Mode::off)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("epilogue.numerics: {}: cuBLASLt serves everything, which no order of summation is known of",
                            settings().mode_given()));
  return asked;
}

std::vector<Context::Impl::Preparation> Context::Impl::preparations(const Wanted& wanted) {
  if (wanted.tokens.none()) return {{wanted.problem}};
  const std::vector<TokenRange> buckets = buckets_of(wanted.tokens);
  std::vector<Preparation> all;
  for (const TokenRange& bucket : buckets)
    all.push_back({with_tokens(wanted.problem, bucket.to), true,
                   buckets.size() == 1 ? 1
                   : all.empty()       ? kFirstShare
                                       : kNeighbourShare});
  return all;
}

Explanation Context::Impl::prepare(const Preparation& task, bool retune) {
  DeviceState& device = state_->device();
  const Request request{.retune = retune, .recheck = true, .exact = !task.bucket, .whole = task.bucket, .share = task.share};
  return state_->explanation(device, task.problem, state_->plan_for(device, task.problem, request));
}

std::vector<Explanation> Context::Impl::prepare(std::span<const Wanted> wanted, const PrepareProgress& progress) {
  PerProblem<std::optional<Explanation>> exact, buckets;
  const auto told = [&](const Preparation& task) -> std::optional<Explanation>& {
    return (task.bucket ? buckets : exact)[task.problem];
  };
  std::vector<Preparation> tasks;
  for (const Wanted& each : wanted)
    for (const Preparation& task : preparations(each)) {
      told(task);
      tasks.push_back(task);
    }
  const auto ahead = compile_ahead(tasks);
  const std::size_t all = exact.size() + buckets.size();
  std::size_t done = 0;
  for (const Preparation& task : tasks) {
    std::optional<Explanation>& e = told(task);
    if (e) continue;
    try {
      e = prepare(task, false);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::missing_library || error.code() == ErrorCode::driver) throw;
      e.emplace();
      e->problem = to_string(task.problem), e->source = "none", e->served_by = "nothing", e->note = error.what();
    }
    if (progress) progress(++done, all, *e);
  }
  std::vector<Explanation> explanations;
  for (const Wanted& each : wanted) {
    const auto of_each = preparations(each);
    const auto failed = std::ranges::find_if(of_each, [&](const Preparation& task) { return told(task)->source == "none"; });
    explanations.push_back(*told(failed == of_each.end() ? of_each.front() : *failed));
  }
  return explanations;
}

// Buckets, and what a record or a pack names a kernel for. The first of all has its turn at once.
std::shared_ptr<void> Context::Impl::compile_ahead(std::span<const Preparation> tasks) {
  if (tasks.size() < 2 || !state_->common.settings.searches()) return nullptr;
  Machine& machine = *state_->device().machine;
  std::vector<Machine::Coming> all;
  for (const Preparation& task : tasks) {
    if (proven(task)) continue;
    Machine::Coming coming{task.problem, {}};
    const auto old = record_for(*state_->common.store, machine.hardware(), task.problem, true);
    if (old && !is_vendor(old->tactic))
      coming.tactics = {old->tactic};
    else if (const auto hint = find_hint(state_->common, machine, task.problem, old); hint && hint->exact)
      coming.tactics = hint->own;
    if (task.bucket || !coming.tactics.empty()) all.push_back(std::move(coming));
  }
  if (all.size() < 2 || machine.no_compiler()) return nullptr;
  all.erase(all.begin());
  const auto entered = machine.enter();
  return machine.compile_ahead(std::move(all), state_->common.allowance(machine));
}

bool Context::Impl::proven(const Preparation& task) {
  Machine& machine = *state_->device().machine;
  std::optional<PlanRecord> record = record_for(*state_->common.store, machine.hardware(), task.problem, true);
  return record && !why_not(state_->common, machine, *record, {.recheck = true, .exact = true, .whole = task.bucket}) &&
         !quarantined(state_->common, machine, *record);
}

Explanation Context::Impl::explain(const Problem& problem) {
  DeviceState& device = state_->device();
  const auto known = device.find(problem);
  return known ? state_->explanation(device, problem, *known) : state_->expectation(device, problem);
}

std::shared_ptr<Loop::State> Context::Impl::loop(port::LoopSource source, LoopHost host, LoopPromise promise) {
  return std::make_shared<Loop::State>(
      state_->common, *state_->service, [this]() -> DeviceState& { return state_->device(); }, std::move(source),
      std::move(host), promise, state_->now);
}

std::uint64_t Context::Impl::epoch() const {
  std::uint64_t changes = state_->only ? state_->only->changes() : 0;
  for (const DeviceState* device = state_->devices; device; device = device->next) changes += device->changes();
  return changes;
}

std::uint64_t Context::Impl::epoch(const Plan::State& bound) { return bound.device->changes(bound.problem); }

Explanation Context::Impl::explain(const Plan::State& bound) {
  const auto known = bound.device->find(bound.problem);
  return known ? state_->explanation(*bound.device, bound.problem, *known) : state_->expectation(*bound.device, bound.problem);
}

Counters Context::Impl::counters() const {
  Counters counters = state_->common.ledger.counters();
  counters.scratch_fallbacks += state_->scratch_fallbacks.load(std::memory_order_relaxed);
  return counters;
}

const Settings& Context::Impl::settings() const { return state_->common.settings; }
Store& Context::Impl::store() { return *state_->common.store; }
const Hardware& Context::Impl::hardware() { return state_->device().machine->hardware(); }
const DeviceFacts& Context::Impl::device() { return state_->device().machine->device(); }

}  // namespace ak
