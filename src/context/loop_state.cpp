#include "context/loop_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/log.hpp"
#include "context/describe.hpp"
#include "context/loop_job.hpp"
#include "gpu/driver.hpp"
#include "jit/compiler.hpp"
#include "plan/resources.hpp"
#include "port/port.hpp"

namespace ak {

namespace {

constexpr double kAgain = 1;  // second, until what does not last is asked for again

std::atomic<std::uint64_t> states{0};

LoopScalar scalar_of(loop::ScalarType type) { return static_cast<LoopScalar>(static_cast<int>(type)); }

}  // namespace

// The last calls of this thread, so that one like them costs neither a question to the driver nor a look at a table. Pointers
// of the driver's are never the host's: both are parts of one address space.
struct Loop::State::Recent {
  static constexpr std::size_t kMost = 16;  // arguments
  std::uint64_t state = 0, epoch = 0;
  const DeviceState* device = nullptr;
  std::size_t count = 0;
  std::uint64_t bits[kMost];
  Way way;

  static Recent& of(std::uint64_t hash) {
    thread_local Recent recent[16];
    return recent[hash % std::size(recent)];
  }
};

Loop::State::State(Common& common, TuningService& service, std::function<DeviceState&()> device, port::LoopSource source,
                   LoopHost host)
    : common_(common),
      service_(service),
      device_(std::move(device)),
      source_(std::move(source)),
      host_(std::move(host)),
      number_(++states) {}

// --- hot -------------------------------------------------------------------------------------------------------------

void Loop::State::call(Stream stream, const LoopType* types, void* const* values, std::size_t count) {
  const LoopKnown* known = known_.load(std::memory_order_acquire);
  if (!known) [[unlikely]]
    known = &this->known(Deadline::in(common_.settings.loop_budget_s));
  LoopValues given;
  gather(known->prototype, types, values, count, given);
  DeviceState& device = device_();
  std::uint64_t hash = number_;
  for (std::size_t i = 0; i < count; ++i) hash = (hash ^ given.bits[i]) * 0x9e3779b97f4a7c15;
  Recent& recent = Recent::of(hash >> 40);
  const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);
  if (recent.state == number_ && recent.epoch == epoch && recent.device == &device && recent.count == count &&
      std::memcmp(recent.bits, given.bits.data(), count * sizeof recent.bits[0]) == 0) [[likely]]
    if (recent.way.kind == Way::Kind::kernel && recent.way.plan->try_launch(stream, given.span())) [[likely]]
      return;

  const LoopMemory memory = look_at(known->prototype, known->function, given, true);
  bool lasts = true;
  const Way way = way_of(device, *known, memory, stream, lasts);
  run(*known, way, &memory, given, stream);
  if (!lasts || count > Recent::kMost) return;
  recent = {number_, epoch_.load(std::memory_order_acquire), &device, count, {}, way};
  std::memcpy(recent.bits, given.bits.data(), count * sizeof recent.bits[0]);
}

// --- cold ------------------------------------------------------------------------------------------------------------

port::Tools Loop::State::tools() const {
  return {common_.settings.analyser, common_.settings.compiler, common_.settings.worker};
}

// The store knows the source of an earlier process; else the analyser reads it.
const LoopKnown& Loop::State::known(Deadline deadline) {
  const std::lock_guard lock(reading_);
  if (const LoopKnown* known = known_.load(std::memory_order_acquire)) return *known;
  port::LoopSource source = source_;
  source.text = port::read_source(source_);
  const std::string key = loop::source_key(source.function, source.text, port::key_flags(source));
  const auto files = port::included_files(source, source.text);
  std::optional<loop::KnownSource> found;
  if (const auto record = common_.store->find_work(loop::kLoopSource, key); record && !record->local.empty()) {
    try {
      found = loop::read_known_source(record->local);
      if (found->files != files) found.reset();
    } catch (const Error& error) {
      log(LogLevel::warn, "{}: its record cannot be read: {}", source.function, error.what());
    }
  }
  if (!found) {
    const loop::Verdict verdict = port::analyse(source, {}, tools(), deadline);
    found = {files, verdict.function, verdict.refused};
    // What was read holds here alone: it is believed without being read again.
    common_.store->put_work({std::string(loop::kLoopSource), key, {}, loop::write_json(*found)});
  }
  if (!found->refused.empty())
    throw Error(ErrorCode::unsupported, fmt::format("{} in {}: {}", source.function, source.file, found->refused));
  auto known =
      std::make_unique<LoopKnown>(LoopKnown{std::move(source), found->function, LoopPrototype(found->function), false});
  known->host_serves = known->prototype.check(host_);
  read_ = std::move(known);
  known_.store(read_.get(), std::memory_order_release);
  return *read_;
}

Loop::State::Way Loop::State::way_of(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, Stream stream,
                                     bool& lasts) {
  Machine& machine = *device.machine;
  if (!machine.launches()) throw Error(ErrorCode::unsupported, "nothing can be launched from a recording (AK_RECORDING)");
  machine.check_stream(stream);
  const bool capturing = machine.capturing(stream);
  const bool on_host = memory.where == LoopMemory::Where::host;
  if (on_host && capturing)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: host pointers in a stream capture; a graph needs device pointers", known.function.name));
  if (common_.settings.mode == Mode::off && known.host_serves && !capturing)
    return {on_host ? Way::Kind::host : Way::Kind::in_place, nullptr};
  const LoopServedPtr served = served_for(device, known, memory, !capturing && common_.settings.mode == Mode::tune);
  lasts = served->standing == Standing::lasting;
  const std::int64_t size = loop::size_of_call(known.function, memory.integers);
  const LoopPlan* plan = served->plan(size);
  if (known.host_serves && !capturing && served->host_wins(size, memory.where))
    return {on_host ? Way::Kind::host : Way::Kind::in_place, nullptr};
  if (!plan) throw Error(ErrorCode::unsupported, fmt::format("{}: {}", known.function.name, served->note));
  return {on_host ? Way::Kind::copied : Way::Kind::kernel, plan};
}

void Loop::State::run(const LoopKnown& known, const Way& way, const LoopMemory* memory, LoopValues& values, Stream stream) {
  const auto launch = [&](const LoopValues& with) {
    if (!way.plan->try_launch(stream, with.span()))
      throw Error(ErrorCode::out_of_memory, fmt::format("{}: the scratch memory of its kernel, {} bytes, is not to be had",
                                                        known.function.name, way.plan->workspace_bytes(with.span())));
  };
  switch (way.kind) {
    case Way::Kind::kernel:
      return launch(values);
    case Way::Kind::host:  // behind what the stream may still do to its arrays
      check(driver().cuStreamSynchronize(static_cast<CUstream>(stream)), "waiting for the arrays of a loop");
      return host_.run(host_.function, values.addresses.data());
    case Way::Kind::copied: {
      LoopCopies copies(LoopCopies::To::device, known.prototype, *memory, values, stream);
      launch(copies.values());
      return copies.copy_back();
    }
    case Way::Kind::in_place: {
      LoopCopies copies(LoopCopies::To::host, known.prototype, *memory, values, stream);
      host_.run(host_.function, copies.values().addresses.data());
      return copies.copy_back();
    }
  }
}

std::optional<Loop::State::Kept> Loop::State::find(DeviceState& device, const std::string& call) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find({device.context_id, call});
  return found == kept_.end() ? std::nullopt : std::optional(found->second);
}

void Loop::State::keep(DeviceState& device, const loop::CallClass& call, LoopServedPtr served) {
  const std::lock_guard lock(mutex_);
  Kept& kept = kept_[{device.context_id, loop::text(call)}];
  if (kept.served) retired_.push_back(std::move(kept.served));
  kept = {std::move(served), Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kAgain))};
  epoch_.fetch_add(1, std::memory_order_release);
}

LoopServedPtr Loop::State::stored(DeviceState& device, const LoopKnown& known, const loop::CallClass& call,
                                  std::optional<loop::Winner>& unproven) {
  const std::string key = loop::winner_key(known.function, call, describe(device.machine->hardware()));
  const auto record = common_.store->find_work(loop::kLoop, key);
  if (!record) return nullptr;
  const auto start = Clock::now();
  try {
    loop::Winner winner = loop::read_winner(record->text);
    const auto images = loop::unpack_images(record->local);
    if (!images || images->size() != winner.kernels.size() || images->empty()) {
      unproven = std::move(winner);
      return nullptr;
    }
    const Standing standing = winner.unfinished ? Standing::passing : Standing::lasting;
    auto served = load_loop(resources(), known.function, std::move(winner), *images, "store", {}, standing);
    common_.ledger.count([&](Counters& c) { ++c.store_hits, c.last_load_s = seconds_since(start); });
    return served;
  } catch (const Error& error) {
    log(LogLevel::warn, "{}: its record cannot be used: {}", known.function.name, error.what());
    return nullptr;
  }
}

LoopServedPtr Loop::State::served_for(DeviceState& device, const LoopKnown& known, const LoopMemory& memory, bool may_search) {
  const std::string call = loop::text(memory.call);
  const auto kept = find(device, call);
  if (kept && (kept->served->standing == Standing::lasting || !may_search || Clock::now() < kept->again)) return kept->served;
  const auto entered = device.machine->enter();
  // No distance in elements tells how the arrays overlap: C's own order is right whatever it is.
  if (memory.tangled)
    return serial(device, known, memory.call, "its arrays overlap by parts of elements, or are of several types");
  if (!kept || !may_search) {
    std::optional<loop::Winner> unproven;
    if (LoopServedPtr served = stored(device, known, memory.call, unproven)) {
      keep(device, memory.call, served);
      if (served->standing == Standing::lasting || !may_search) return served;
    }
  }
  if (!may_search || TuningService::inside())
    return serial(device, known, memory.call,
                  common_.settings.mode == Mode::tune
                      ? "met during a stream capture or from within a search"
                      : fmt::format("no record, and {} is not tune", common_.settings.given_by("AK_MODE")));
  return searched(device, known, memory);
}

LoopServedPtr Loop::State::searched(DeviceState& device, const LoopKnown& known, const LoopMemory& memory) {
  const double budget = common_.settings.loop_budget_s;
  const auto job = std::make_shared<LoopJob>(*this, device, known, memory);
  const std::string key = loop::winner_key(known.function, memory.call, describe(device.machine->hardware()));
  std::string why = "its port has not ended in time";
  LoopServedPtr served;
  try {
    const auto ticket = service_.enqueue(
        {.place = this, .key = key_of(loop::kLoop, key), .device = device.machine->device_ordinal(), .work = job},
        Deadline::in(budget));
    if (service_.wait(ticket, Deadline::in(2 * budget)) == TuningService::End::done) {
      const auto& done = static_cast<const LoopJob&>(*TuningService::work(ticket));
      served = done.served();
      why = done.why();
    }
  } catch (const Error& error) {
    why = error.what();
  }
  if (!served) {
    std::optional<loop::Winner> unproven;
    served = stored(device, known, memory.call, unproven);
  }
  if (!served) return serial(device, known, memory.call, why);
  keep(device, memory.call, served);
  return served;
}

// One GPU thread: right for every call, and fast for none but the shortest.
LoopServedPtr Loop::State::serial(DeviceState& device, const LoopKnown& known, const loop::CallClass& call,
                                  const std::string& why) {
  const std::pair<std::uint64_t, std::string> key{device.context_id, loop::text(call)};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = serials_.find(key); found != serials_.end()) return found->second;
  }
  loop::Winner winner;
  winner.verdict = "not analysed";
  winner.kernels = {port::serial_candidate(known.function, true)};
  const Compiled compiled = port::compile_loop(port::kernel_text(winner.kernels[0]), device.machine->device().arch());
  if (compiled.cubin.empty())
    throw Error(ErrorCode::unsupported, fmt::format("{} does not compile for the GPU: {}", known.function.name, compiled.log));
  LoopServedPtr served =
      load_loop(resources(), known.function, std::move(winner), {compiled.cubin}, "serial", why, Standing::passing);
  const std::lock_guard lock(mutex_);
  return serials_.emplace(key, std::move(served)).first->second;
}

// --- words -----------------------------------------------------------------------------------------------------------

Explanation Loop::State::explanation(DeviceState& device, const LoopKnown& known, const LoopMemory& memory,
                                     const LoopServedPtr& served) {
  Explanation e;
  const std::string call = loop::text(memory.call);
  e.problem = known.function.name + (call.empty() ? "" : " " + call);
  e.hardware = describe(device.machine->hardware());
  if (!served) {
    e.source = "none", e.served_by = "no record";
    e.note = common_.settings.mode == Mode::tune ? "the first call would analyse, prove and time it"
                                                 : "one GPU thread would serve it";
    return e;
  }
  const std::int64_t size = loop::size_of_call(known.function, memory.integers);
  const LoopPlan* plan = served->plan(size);
  e.source = served->source, e.note = served->note;
  if (served->standing != Standing::lasting) e.note += fmt::format(" ({})", name(served->standing));
  if (known.host_serves && served->host_wins(size, memory.where))
    e.served_by = "the C function";
  else
    e.served_by = plan ? port::tactic_text(plan->candidate()) : "nothing";
  if (host_.function && !known.host_serves) e.note += "; the host function cannot serve: it would use arrays of its own";
  if (!host_.function)
    e.note += (e.note.empty() ? "" : "; ") + std::string("no host function was given: the C function is never used");
  if (const loop::SizeRow* row = served->row(size)) e.us = row->kernel_us, e.vendor_us = row->host_us;
  e.proposer = "templates";
  e.trials = served->winner.tried, e.search_s = served->winner.seconds;
  return e;
}

Explanation Loop::State::prepare(const LoopType* types, void* const* values, std::size_t count) {
  const LoopKnown& of = known(Deadline::in(common_.settings.loop_budget_s));
  LoopValues given;
  gather(of.prototype, types, values, count, given);
  DeviceState& device = device_();
  const LoopMemory memory = look_at(of.prototype, of.function, given, true);
  return explanation(device, of, memory, served_for(device, of, memory, common_.settings.mode == Mode::tune));
}

Explanation Loop::State::explain(const LoopType* types, void* const* values, std::size_t count) {
  const LoopKnown& of = known(Deadline::in(common_.settings.loop_budget_s));
  LoopValues given;
  gather(of.prototype, types, values, count, given);
  DeviceState& device = device_();
  const LoopMemory memory = look_at(of.prototype, of.function, given, true);
  const auto kept = find(device, loop::text(memory.call));
  LoopServedPtr served = kept ? kept->served : nullptr;
  if (!served) {
    const auto entered = device.machine->enter();
    std::optional<loop::Winner> unproven;
    served = stored(device, of, memory.call, unproven);
  }
  return explanation(device, of, memory, served);
}

std::vector<LoopType> Loop::State::types() {
  std::vector<LoopType> all;
  for (const LoopPrototype::Argument& argument : known(Deadline::in(common_.settings.loop_budget_s)).prototype.arguments())
    all.push_back({scalar_of(argument.type), argument.pointer, argument.constant});
  return all;
}

}  // namespace ak
