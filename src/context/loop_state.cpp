#include "context/loop_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/build.hpp"
#include "base/log.hpp"
#include "base/own_memory.hpp"
#include "context/describe.hpp"
#include "context/loop_guard.hpp"
#include "context/loop_job.hpp"
#include "context/loop_stored.hpp"
#include "gpu/driver.hpp"
#include "gpu/owners.hpp"
#include "gpu/pointer_place.hpp"
#include "plan/resources.hpp"
#include "port/analysis.hpp"
#include "port/c/bare_serial.hpp"
#include "port/candidates.hpp"

namespace ak {

namespace {

// Seconds until what does not last is asked for again: each time twice as many, so many at most.
constexpr double kAgain = 1, kLongestWait = 60;
constexpr char kSerial[] = "serial";          // LoopServed::source
constexpr double kSerialCompileSeconds = 60;  // of a busy machine: it takes less than one

std::atomic<std::uint64_t> states{0};

Clock::duration seconds(double of) { return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(of)); }

// Until the stream has done what was enqueued, whatever captures elsewhere.
void wait_for(Stream stream) {
  const RelaxedCapture relaxed;
  const auto on = static_cast<CUstream>(stream);
  CUresult result = driver().cuStreamQuery(on);
  if (result == CUDA_ERROR_NOT_READY) result = driver().cuStreamSynchronize(on);
  check(result, "waiting for the arrays of a loop");
}

// Why no kernel but one thread may serve the call; empty where others may.
std::string only_serial(const LoopKnown& known, const LoopMemory& memory) {
  // No distance in elements tells how the arrays overlap: C's own order is right whatever it is.
  if (memory.tangled) return "its arrays overlap by parts of elements, or are of several types";
  return known.why;
}

// Whether the C function may: on a device's arrays by copies, which need their lengths.
bool host_may_serve(const LoopKnown& known, const LoopMemory& memory) {
  return known.host_serves && (memory.where == LoopMemory::Where::host || memory.uncertain.empty());
}

// Whether the same kernel serves each size; times may differ.
bool same_kernels(const loop::Winner& one, const loop::Winner& other) {
  const auto same = [](const loop::SizeRow& a, const loop::SizeRow& b) { return a.size == b.size && a.kernel == b.kernel; };
  return one.kernels == other.kernels && (one.kernels.size() < 2 || std::ranges::equal(one.sizes, other.sizes, same));
}

// Whether a record, read again, is no reason for anything else: neither another one, nor one that the guard has just accused.
bool says_the_same(const LoopServed& before, const LoopServed& read) {
  return before.winner == read.winner || (before.findings->demoted && same_kernels(before.winner, read.winner));
}

}  // namespace

// How the last calls of this thread went. One with the same values goes so again, once its arrays are where they were: the
// driver is asked of each, but where they lie for good where they are, or in the process's own memory.
struct Loop::State::Recent {
  static constexpr std::size_t kMost = 16;  // arguments
  std::uint64_t state = 0, epoch = 0;
  const DeviceState* device = nullptr;
  std::size_t count = 0;
  std::uint64_t bits[kMost];
  struct Arrays {
    std::int64_t bytes[kMost] = {};  // 0: what is no array, or empty
    LoopMemory::Where where = LoopMemory::Where::device;
    bool for_good = false;  // as LoopMemory has it
  } arrays;
  Way way;

  bool is(const State& of, std::uint64_t now, const DeviceState& on, const LoopValues& given) const {
    return state == of.number_ && epoch == now && device == &on && count == given.count &&
           std::memcmp(bits, given.bits.data(), count * sizeof bits[0]) == 0;
  }

  // Whether these arrays lie where the others lay, and are as long. for_good: as PointerPlace has it, of all of them.
  bool there(const LoopValues& given, bool& for_good) const {
    const bool on_host = arrays.where == LoopMemory::Where::host;
    for_good = true;
    for (std::size_t i = 0; i < given.count; ++i) {
      if (arrays.bytes[i] == 0) continue;
      const PointerPlace place = on_host && in_own_memory(given.pointer(i)) ? PointerPlace{} : place_of(given.pointer(i));
      if (place.device == on_host || (place.device && place.behind < arrays.bytes[i])) return false;
      for_good = for_good && place.for_good;
    }
    return true;
  }

  // Whether arrays of such lengths are aligned and lie apart from each other.
  bool apart(const LoopPrototype& prototype, const LoopValues& given) const {
    for (std::size_t i = 0; i < given.count; ++i) {
      if (arrays.bytes[i] == 0) continue;
      const auto begin = given.bits[i], end = begin + static_cast<std::uint64_t>(arrays.bytes[i]);
      const LoopPrototype::Argument& argument = prototype.arguments()[i];
      if (begin == 0 || begin % static_cast<unsigned>(size_of(argument.type))) return false;
      for (std::size_t j = 0; j < i; ++j) {
        if (arrays.bytes[j] == 0 || (argument.constant && prototype.arguments()[j].constant)) continue;
        if (begin < given.bits[j] + static_cast<std::uint64_t>(arrays.bytes[j]) && given.bits[j] < end) return false;
      }
    }
    return true;
  }

  static Recent& with(std::uint64_t hash) {
    thread_local Recent recent[16];
    return recent[hash % std::size(recent)];
  }
  // Of calls whose arrays do not overlap, as it is for any such pointers; bits of pointers are 0.
  static Recent& alike(std::uint64_t hash) {
    thread_local Recent alike[16];
    return alike[hash % std::size(alike)];
  }
};

namespace {

LoopValues without_pointers(const LoopPrototype& prototype, const LoopValues& given) {
  LoopValues values;
  values.count = given.count;
  for (std::size_t i = 0; i < given.count; ++i) values.bits[i] = prototype.arguments()[i].pointer ? 0 : given.bits[i];
  return values;
}

std::uint64_t hash_of(std::uint64_t state, const LoopValues& values) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::uint64_t hash = state * kOdd;
  for (std::size_t i = 0; i < values.count; ++i) hash += (values.bits[i] ^ values.bits[i] >> 32) * (kOdd + (i << 33));
  return hash >> 40;
}

}  // namespace

Loop::State::State(Common& common, TuningService& service, std::function<DeviceState&()> device, port::LoopSource source,
                   LoopHost host, LoopPromise promise, std::function<Clock::time_point()> now)
    : common_(common),
      service_(service),
      device_(std::move(device)),
      source_(std::move(source)),
      host_(std::move(host)),
      promise_(promise),
      number_(++states),
      now_(std::move(now)) {}

// --- hot -------------------------------------------------------------------------------------------------------------

void Loop::State::call(Stream stream, const LoopType* types, void* const* values, std::size_t count) {
  const LoopKnown* known = known_.load(std::memory_order_acquire);
  if (!up_to_date(known)) [[unlikely]]
    known = &this->known(Deadline::in(common_.settings.loop_budget_s));
  LoopValues given;
  gather(known->prototype, types, values, count, given);
  DeviceState& device = device_();
  const bool checked = device.loop_guard && device.loop_guard->due();
  const std::uint64_t epoch = epoch_.load(std::memory_order_acquire) + (device.loop_guard ? device.loop_guard->demotions() : 0);
  Recent& recent = Recent::with(hash_of(number_, given));
  bool for_good = false;
  if (!checked && recent.is(*this, epoch, device, given) && (recent.arrays.for_good || recent.there(given, for_good)))
      [[likely]]
    if (go(device, *known, recent.way, given, stream)) [[likely]]
      return;
  const bool keeps = count <= Recent::kMost, promised = promise_.residency != LoopResidency::ask;
  const LoopValues scalars = without_pointers(known->prototype, given);
  Recent& alike = Recent::alike(hash_of(number_, scalars));
  const auto remember = [&](Recent& in, const LoopValues& values, const Recent::Arrays& arrays, const Way& way) {
    in.state = number_, in.epoch = epoch, in.device = &device, in.count = count, in.arrays = arrays, in.way = way;
    std::memcpy(in.bits, values.bits.data(), count * sizeof in.bits[0]);
    if (way.decided || way.kind != Way::Kind::kernel || way.plan->decisions() > Way::kMost) return;
    in.way.decided = true;
    way.plan->decide(given.span(), in.way.decisions);
  };
  if (keeps && !checked && alike.is(*this, epoch, device, scalars) && alike.apart(known->prototype, given) &&
      (promised || alike.there(given, for_good))) {
    Recent::Arrays arrays = alike.arrays;
    arrays.for_good = promised || for_good;
    const Way way = alike.way;  // a host function that calls loops too may take its place
    if (go(device, *known, way, given, stream)) return remember(recent, given, arrays, way);
  }

  const LoopMemory memory =
      look_at(known->prototype, known->function, known->steering, given, promise_.residency, !known->bare);
  Machine& machine = *device.machine;
  if (!machine.launches()) throw Error(ErrorCode::unsupported, "nothing can be launched from a recording (AK_RECORDING)");
  machine.check_stream(stream);
  bool lasts = true;
  const bool capturing = machine.capturing(stream);
  LoopServedPtr served;
  const Way way = way_of(device, *known, memory, capturing, served, lasts);
  if (checked && way.kind == Way::Kind::kernel && !capturing && served && served->source != kSerial)
    device.loop_guard->check(stream, shared(*known), memory, given, served, *way.plan);
  run(device, *known, way, memory, given, stream);
  // The epoch is the one before the way was asked for. What copies has to know the whole call each time; what a capture takes
  // for want of the C function is no choice for other calls.
  if (!lasts || !keeps || way.kind == Way::Kind::copied || way.kind == Way::Kind::in_place) return;
  if (capturing && known->host_serves) return;
  Recent::Arrays arrays{{}, memory.where, memory.for_good};
  for (const LoopMemory::Region& region : memory.regions) arrays.bytes[region.argument] = region.bytes;
  remember(recent, given, arrays, way);
  if (!memory.tangled && memory.call.aliases.empty()) remember(alike, scalars, arrays, way);
}

// False where the call has to be looked at whole.
bool Loop::State::go(DeviceState& device, const LoopKnown& known, const Way& way, LoopValues& values, Stream stream) {
  if (way.kind == Way::Kind::kernel)
    return way.decided ? way.plan->try_launch(stream, values.span(), way.decisions)
                       : way.plan->try_launch(stream, values.span());
  if (way.kind != Way::Kind::host || device.machine->capturing(stream)) return false;
  if (!promise_.unordered) wait_for(stream);
  known.run_host(values.addresses.data());
  return true;
}

// --- cold ------------------------------------------------------------------------------------------------------------

bool Loop::State::up_to_date(const LoopKnown* known) const { return known && (!known->bare || Clock::now() < known->again); }

const LoopKnown& Loop::State::known(Deadline deadline) {
  const std::lock_guard lock(reading_);
  const LoopKnown* known = known_.load(std::memory_order_acquire);
  return up_to_date(known) ? *known : read(deadline);
}

// The store knows the source of an earlier process; else the analyser reads it.
const LoopKnown& Loop::State::read(Deadline deadline) {
  port::LoopSource source = source_;
  source.text = port::read_source(source_);
  const std::string key = loop::source_key(source.function, source.text, port::key_flags(source));
  const auto files = port::included_files(source, source.text);
  std::optional<loop::KnownSource> found, of_other_build;
  if (const auto record = common_.store->find_work(loop::kLoopSource, key); record && !record->local.empty()) {
    try {
      found = loop::read_known_source(record->local);
      const bool known = std::ranges::none_of(files, [](const auto& one) { return one.digest == port::kUnknownFile; });
      if (found->files != files || !known) found.reset();
      if (found && !found->build.empty() && found->build != build_digest()) of_other_build = std::exchange(found, {});
    } catch (const Error& error) {
      log(LogLevel::warn, "{}: its record cannot be read: {}", source.function, error.what());
    }
  }
  if (!found) {
    try {
      const loop::Verdict verdict = port::analyse(source, {}, loop_tools(common_.settings), deadline);
      found = {files, for_every_call(verdict), verdict.steering, verdict.refused, std::string(build_digest())};
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::missing_library) throw;
      if (!of_other_build) return remember(read_bare(std::move(source), error));
      log(LogLevel::info, "{}: it stays as another build of the library has read it: {}", source.function, error.what());
    }
    // What was read holds here alone: this build believes it without reading it again.
    if (!found)
      found = std::move(of_other_build);
    else
      common_.store->put_work({std::string(loop::kLoopSource), key, {}, loop::write_json(*found)});
  }
  if (!found->refused.empty())
    throw Error(ErrorCode::unsupported, fmt::format("{} in {}: {}", source.function, source.file, found->refused));
  return remember({std::move(source), found->function, found->steering, LoopPrototype(found->function), {}, false, {}, {}, {}});
}

// Under the lock.
const LoopKnown& Loop::State::remember(LoopKnown known) {
  known.host = host_, known.gate = gate_;
  known.host_serves = known.prototype.check(host_);
  read_.push_back(std::make_shared<const LoopKnown>(std::move(known)));
  known_.store(read_.back().get(), std::memory_order_release);
  return *read_.back();
}

void Loop::State::serve(LoopKnown known, const loop::CallClass& call, LoopServedPtr served) {
  {
    const std::lock_guard lock(reading_);
    remember(std::move(known));
  }
  keep(device_(), loop::text(call), std::move(served));
}

LoopKnown Loop::State::read_bare(port::LoopSource source, const Error& why) const {
  try {
    port::BareSerial bare = port::bare_serial(source);
    LoopPrototype prototype(bare.function);
    return {std::move(source), std::move(bare.function),      {}, std::move(prototype), {}, false, std::move(bare.candidate),
            why.what(),        Clock::now() + seconds(kAgain)};
  } catch (const Error& error) {
    throw Error(why.code(), fmt::format("{}; nor can one GPU thread serve: {}", why.what(), error.what()));
  }
}

// For work that may go on when nobody waits for it any more.
LoopKnownPtr Loop::State::shared(const LoopKnown& known) {
  const std::lock_guard lock(reading_);
  return *std::ranges::find(read_, &known, [](const LoopKnownPtr& each) { return each.get(); });
}

Loop::State::Way Loop::State::way_of(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, bool capturing,
                                     LoopServedPtr& served, bool& lasts) {
  const bool on_host = memory.where == LoopMemory::Where::host;
  if (on_host && capturing)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: host pointers in a stream capture; a graph needs device pointers", known.function.name));
  const bool copies_may = memory.uncertain.empty(), host_may = host_may_serve(known, memory) && !capturing;
  const Way host{on_host ? Way::Kind::host : Way::Kind::in_place, nullptr};
  if (common_.settings.mode == Mode::off && host_may) return host;
  if (on_host && host_may && (known.bare || !copies_may)) return lasts = !known.bare, host;
  if (on_host && !copies_may) refuse_length(known.prototype, memory.uncertain);
  served = served_for(device, known, memory, capturing);
  lasts = served->standing == Standing::lasting;
  if (served->findings->demoted) {
    if (host_may) return host;
    const auto entered = device.machine->enter();
    served = serial(device, known, served->findings->why), lasts = false;
  }
  const std::int64_t size = loop::size_of_call(known.function, memory.integers);
  const LoopPlan* plan = served->plan(size);
  if (host_may && served->host_wins(size, memory.where)) return host;
  if (!plan && known.host_serves && !copies_may) refuse_length(known.prototype, memory.uncertain);
  if (!plan) throw Error(ErrorCode::unsupported, fmt::format("{}: {}", known.function.name, served->note));
  return {on_host ? Way::Kind::copied : Way::Kind::kernel, plan};
}

// Where scratch memory is not to be had, one thread needs none.
void Loop::State::launch(DeviceState& device, const LoopKnown& known, const LoopPlan& plan, LoopValues& values, Stream stream) {
  if (plan.try_launch(stream, values.span())) return;
  const std::int64_t bytes = plan.workspace_bytes(values.span());
  const std::string why = bytes > 0 ? fmt::format("the scratch memory of its kernel, {} bytes, is not to be had", bytes)
                                    : "its kernel's grid would be too large";
  common_.ledger.count([](Counters& c) { ++c.scratch_fallbacks; });
  const auto entered = device.machine->enter();
  if (!serial(device, known, why)->plan(0)->try_launch(stream, values.span()))
    throw Error(ErrorCode::out_of_memory, fmt::format("{}: {}", known.function.name, why));
}

void Loop::State::run(DeviceState& device, const LoopKnown& known, const Way& way, const LoopMemory& memory, LoopValues& values,
                      Stream stream) {
  const bool copies = way.kind == Way::Kind::copied || way.kind == Way::Kind::in_place;
  if (copies && !memory.uncertain.empty()) refuse_length(known.prototype, memory.uncertain);
  switch (way.kind) {
    case Way::Kind::kernel:
      return launch(device, known, *way.plan, values, stream);
    case Way::Kind::host:  // behind what the stream may still do to its arrays
      if (!promise_.unordered) wait_for(stream);
      return known.run_host(values.addresses.data());
    case Way::Kind::copied: {
      const RelaxedCapture relaxed;
      std::optional<LoopCopies> copied;
      try {
        copied.emplace(LoopCopies::To::device, known.prototype, memory, values, stream);
        launch(device, known, *way.plan, copied->values(), stream);
      } catch (const Error& error) {  // nothing has been written yet
        if (error.code() != ErrorCode::out_of_memory || !known.host_serves) throw;
        wait_for(stream);
        return known.run_host(values.addresses.data());
      }
      return copied->copy_back();
    }
    case Way::Kind::in_place: {
      const RelaxedCapture relaxed;
      LoopCopies copied(LoopCopies::To::host, known.prototype, memory, values, stream);
      known.run_host(copied.values().addresses.data());
      return copied.copy_back();
    }
  }
}

std::optional<Loop::State::Kept> Loop::State::find(DeviceState& device, const std::string& call) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find({device.context_id, call});
  return found == kept_.end() ? std::nullopt : std::optional(found->second);
}

void Loop::State::keep(DeviceState& device, const std::string& call, LoopServedPtr served) {
  const std::lock_guard lock(mutex_);
  keep_locked(kept_[{device.context_id, call}], std::move(served));
}

LoopServedPtr Loop::State::keep_after(const LoopServedPtr& before, DeviceState& device, const std::string& call,
                                      LoopServedPtr served) {
  const std::lock_guard lock(mutex_);
  Kept& kept = kept_[{device.context_id, call}];
  if (kept.served == before) keep_locked(kept, std::move(served));
  return kept.served;
}

void Loop::State::keep_locked(Kept& kept, LoopServedPtr served) {
  const int times = kept.served ? kept.times + 1 : 0;
  // What was captured before something was kept is one thread's, which has no kernels in its winner either.
  if (!same_kernels(served->winner, kept.served ? kept.served->winner : loop::Winner())) ++changes_;
  if (kept.served && kept.served != served) retired_.push_back(std::move(kept.served));
  kept = {std::move(served), now_() + seconds(std::min(kLongestWait, std::ldexp(kAgain, std::min(times, 10)))), times};
  epoch_.fetch_add(1, std::memory_order_release);
}

LoopServedPtr Loop::State::served_for(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, bool capturing,
                                      bool prepares) {
  if (const std::string why = only_serial(known, memory); !why.empty()) {
    const auto entered = device.machine->enter();
    return serial(device, known, why);
  }
  const std::string call = loop::text(memory.call);
  const bool may_search = common_.settings.searches() && !capturing;
  const bool background = common_.settings.mode == Mode::background;
  const auto kept = find(device, call);
  const LoopServedPtr before = kept ? kept->served : nullptr;
  const bool has_kernels = before && before->source != kSerial;
  const auto stands = [&](const Kept& it) {
    return it.served->standing == Standing::lasting || capturing || (now_() < it.again && !(background && prepares));
  };
  if (kept && stands(*kept)) return before;
  const auto entered = device.machine->enter();
  LoopServedPtr served = has_kernels && may_search ? before : nullptr;
  Unserved unserved;
  if (!served) {
    served = stored_loop(common_, known, memory.call, device, &unserved);
    if (has_kernels && (!served || says_the_same(*before, *served))) served = before;
    if (!served && before && before->in_vain && before->record == unserved.winner) served = before;
    if (served) served = keep_after(before, device, call, served);
    if (served && (served->standing == Standing::lasting || served->in_vain || !may_search)) return served;
  }
  if (may_search && !TuningService::inside())
    return searched(device, known, memory, served ? served : before, std::move(served), background && !prepares);
  if (served) return served;
  if (capturing && background && common_.settings.searches() && !TuningService::inside())
    return searched(device, known, memory, before, nullptr, true);
  if (may_search || capturing) return serial(device, known, "met during a stream capture or from within a search");
  served = serial(device, known, fmt::format("{}, and {}", unserved.why, common_.settings.mode_given()));
  return keep_after(before, device, call, served);
}

// Null where it has not ended, and why.
const LoopJob* Loop::State::await(const TuningService::Ticket& ticket, std::string& why) {
  switch (service_.wait(ticket, Deadline::in(common_.settings.loop_budget_s))) {
    case TuningService::End::done: {
      const auto& done = static_cast<const LoopJob&>(*TuningService::work(ticket));
      why = done.why();
      return &done;
    }
    case TuningService::End::device:
      why = "the GPU is busy with other searches";
      break;
    case TuningService::End::elsewhere:
      why = "another process is porting it";
      break;
    case TuningService::End::late:
      why = "its port has not ended in time";
  }
  return nullptr;
}

LoopServedPtr Loop::State::searched(DeviceState& device, const LoopKnown& known, const LoopMemory& memory,
                                    const LoopServedPtr& before, LoopServedPtr until_then, bool behind) {
  const double budget = common_.settings.loop_budget_s;
  const LoopKnownPtr own = shared(known);  // the work may go on when nobody waits for it any more
  const auto calls = [&common = common_, &service = service_, &device, own, call = memory.call](const LoopPlan* plan) {
    const LoopHost host = plan ? LoopHost() : idle_host();
    const auto here = [&device]() -> DeviceState& { return device; };
    return loop_calls(std::make_shared<State>(common, service, here, own->source, host), *own, call, plan);
  };
  const std::string call = loop::text(memory.call);
  LoopJob::Tell tell;
  if (behind)
    tell = [self = weak_from_this(), &device, own, call](const LoopJob& done) {
      const auto state = self.lock();
      return state && state->take(device, *own, call, done);
    };
  TuningRequest request{.place = &device,
                        .key = key_of(loop::kLoop, winner_key(known, memory.call, device)),
                        .kind = number_,
                        .device = device.machine->device_ordinal(),
                        .work = std::make_shared<LoopJob>(common_, device, own, memory, calls, tell),
                        .kept = behind};
  if (behind) {  // what serves meanwhile is kept first: the port may be over at once
    if (!until_then) until_then = serial(device, known, "it is ported behind the calls");
    until_then = keep_after(before, device, call, std::move(until_then));
    service_.enqueue(std::move(request), Deadline::never());
    return until_then;
  }
  std::string why;
  TuningService::Ticket ticket;
  const LoopJob* done = nullptr;
  try {
    ticket = service_.enqueue(std::move(request), Deadline::in(budget));
    done = await(ticket, why);
  } catch (const Error& error) {
    why = error.what();
  }
  if (done && done->served()) {
    keep(device, call, done->served());
    return done->served();
  }
  if (done && done->refuted()) until_then = nullptr;
  if (!until_then) until_then = stored_loop(common_, known, memory.call, device);
  if (!until_then) until_then = serial(device, known, why, done);
  return keep_after(before, device, call, std::move(until_then));
}

// Of a port behind the calls: they may be in graphs, and not come again until the epoch says so.
bool Loop::State::take(DeviceState& device, const LoopKnown& known, const std::string& call, const LoopJob& job) {
  const auto entered = device.machine->enter();
  if (job.served())
    keep(device, call, job.served());
  else if (job.refuted() || job.in_vain())
    keep(device, call, serial(device, known, job.why(), &job));
  return true;
}

// One GPU thread: right for every call, and fast for none but the shortest.
LoopServedPtr Loop::State::serial(DeviceState& device, const LoopKnown& known, std::string why, const LoopJob* job) {
  const std::pair key{device.context_id, known.bare.has_value()};
  std::shared_ptr<const LoopPlan> plan;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = serials_.find(key); found != serials_.end()) plan = found->second;
  }
  if (!plan) {
    const loop::Candidate candidate = known.bare ? *known.bare : port::serial_candidate(known.function, true);
    const Compiled compiled = port::compile_kernels(port::kernel_text(candidate), device.machine->device().arch(),
                                                    device.machine->compiler(), Deadline::in(kSerialCompileSeconds));
    if (compiled.cubin.empty())
      throw Error(ErrorCode::unsupported, fmt::format("{} does not compile for the GPU: {}{}", known.function.name,
                                                      compiled.failure, known.bare ? "; " + known.why : ""));
    plan = std::make_shared<const LoopPlan>(resources(), resources().module(compiled.cubin), known.function, candidate,
                                            device.machine->scratch());
    const std::lock_guard lock(mutex_);
    plan = serials_.emplace(key, std::move(plan)).first->second;
  }
  auto served = std::make_shared<LoopServed>();
  served->plans = {std::move(plan)};
  served->source = kSerial, served->note = std::move(why), served->standing = Standing::passing;
  if (job && job->in_vain()) served->in_vain = true, served->record = job->record();
  return served;
}

// --- words -----------------------------------------------------------------------------------------------------------

Explanation Loop::State::explanation(DeviceState& device, const LoopKnown& known, const LoopMemory& memory,
                                     const LoopServedPtr& served) {
  Explanation e;
  const std::string call = loop::text(memory.call);
  e.problem = known.function.name + (call.empty() ? "" : " " + call);
  e.hardware = describe(device.machine->hardware());
  const bool on_host = memory.where == LoopMemory::Where::host, copies_may = memory.uncertain.empty();
  const bool host_may = host_may_serve(known, memory);
  const bool off = common_.settings.mode == Mode::off && host_may;
  const std::string serial = only_serial(known, memory);
  const std::int64_t size = loop::size_of_call(known.function, memory.integers);
  if (off) {
    e.source = "host", e.served_by = "the C function";
    e.note = common_.settings.mode_given();
  } else if (on_host && !copies_may) {
    e.source = host_may ? "host" : "none", e.served_by = host_may ? "the C function" : "nothing";
    e.note = length_wanted(known.prototype, memory.uncertain);
  } else if (!serial.empty()) {
    e.source = on_host && host_may ? "host" : kSerial, e.served_by = on_host && host_may ? "the C function" : "serial";
    e.note = fmt::format("{} ({})", serial, name(Standing::passing));
  } else if (!served) {
    e.source = "none", e.served_by = "no record";
    e.note = common_.settings.searches() ? "the first call would analyse, prove and time it" : "one GPU thread would serve it";
  } else if (served->findings->demoted) {
    e.source = "guard", e.served_by = host_may ? "the C function" : kSerial;
    e.note = served->findings->why;
  } else {
    const LoopPlan* plan = served->plan(size);
    e.source = served->source, e.note = served->note;
    if (served->standing != Standing::lasting)
      e.note += fmt::format("{}({})", e.note.empty() ? "" : " ", name(served->standing));
    if (host_may && served->host_wins(size, memory.where))
      e.served_by = "the C function";
    else
      e.served_by = plan ? port::tactic_text(plan->candidate()) : "nothing";
    if (const loop::SizeRow* row = served->row(size)) e.us = row->kernel_us, e.vendor_us = row->host_us;
    if (e.source != kSerial) e.proposer = name(plan ? plan->candidate().origin : loop::Origin::templates);
    e.trials = served->winner.tried, e.search_s = served->winner.seconds;
  }
  const auto add = [&](const char* what) { e.note += (e.note.empty() ? "" : "; ") + std::string(what); };
  if (host_.function && !known.host_serves) add("the host function cannot serve: it would use arrays of its own");
  if (!host_.function) add("no host function was given: the C function is never used");
  return e;
}

Explanation Loop::State::prepare(const LoopType* types, void* const* values, std::size_t count) {
  const LoopKnown& of = known(Deadline::in(common_.settings.loop_budget_s));
  LoopValues given;
  gather(of.prototype, types, values, count, given);
  DeviceState& device = device_();
  const LoopMemory memory = look_at(of.prototype, of.function, of.steering, given, promise_.residency, !of.bare);
  const bool off = common_.settings.mode == Mode::off && host_may_serve(of, memory);
  const bool needless = off || (memory.where == LoopMemory::Where::host && !memory.uncertain.empty());
  return explanation(device, of, memory, needless ? nullptr : served_for(device, of, memory, false, true));
}

Explanation Loop::State::explain(const LoopType* types, void* const* values, std::size_t count) {
  const LoopKnown& of = known(Deadline::in(common_.settings.loop_budget_s));
  LoopValues given;
  gather(of.prototype, types, values, count, given);
  DeviceState& device = device_();
  const LoopMemory memory = look_at(of.prototype, of.function, of.steering, given, promise_.residency, !of.bare);
  LoopServedPtr served;
  if (only_serial(of, memory).empty()) {
    if (const auto kept = find(device, loop::text(memory.call))) served = kept->served;
    if (!served) {
      const auto entered = device.machine->enter();
      served = stored_loop(common_, of, memory.call, device);
    }
  }
  return explanation(device, of, memory, served);
}

std::uint64_t Loop::State::changes() const {
  const auto& guard = device_().loop_guard;
  return changes_ + (guard ? guard->demotions() : 0);
}

std::vector<LoopType> Loop::State::types() {
  const auto types = known(Deadline::in(common_.settings.loop_budget_s)).prototype.types();
  return {types.begin(), types.end()};
}

LoopHost idle_host() {
  LoopHost host;
  host.function = [] {};
  host.run = [](void (*of)(), void* const*) { of(); };
  return host;
}

std::function<void(void* const* values)> loop_calls(std::shared_ptr<Loop::State> state, LoopKnown known,
                                                    const loop::CallClass& call, const LoopPlan* plan) {
  for (loop::Parameter& parameter :
       known.function.parameters)  // the C function takes all of them, as long as they are said to be
    parameter.implicit = false, parameter.length_certain = true;
  known.prototype = LoopPrototype(known.function);
  known.steering.clear();
  for (const auto& [name, value] : call.values) known.steering.push_back(name);
  auto served = std::make_shared<LoopServed>();
  if (plan) served->plans.push_back({std::shared_ptr<const LoopPlan>(), plan});  // the caller's
  state->serve(std::move(known), call, std::move(served));
  const auto stream = std::make_shared<OwnedStream>(OwnedStream::make());
  return [state, stream, types = state->types()](void* const* values) {
    state->call(stream->get(), types.data(), values, types.size());
  };
}

}  // namespace ak
