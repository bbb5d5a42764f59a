#include "context/loop_guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "context/device_state.hpp"
#include "context/loop_stored.hpp"
#include "gpu/driver.hpp"
#include "port/candidates.hpp"

namespace ak {
namespace {

constexpr std::int64_t kPlace = 256;  // bytes, which what lies together keeps its place in

// The copies follow each other from there, each at its block's place; how many bytes they take.
std::int64_t place_copies(std::vector<LoopBlock>& blocks, std::uintptr_t from) {
  std::int64_t all = 0;
  for (LoopBlock& block : blocks) {
    const std::int64_t at = all + static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(block.begin) % kPlace);
    block.copy = reinterpret_cast<char*>(from + static_cast<std::uintptr_t>(at));
    all = (at + block.bytes + kPlace - 1) / kPlace * kPlace;
  }
  return all;
}

// A call on a copy of its arrays.
struct OnCopy {
  OnCopy(const LoopMemory& of, const LoopValues& given, const std::vector<LoopBlock>& blocks) : memory(of), values(given) {
    move_to_copies(blocks, memory.regions, values);
  }
  OnCopy(const OnCopy&) = delete;  // the values point into themselves
  LoopMemory memory;
  LoopValues values;
};

// What is between two right results: sums may have been taken in another order, products and sums rounded together. Of numbers
// that have no bound nothing follows.
template <class T>
std::string difference(const char* name, const T* kernel, const T* c, std::int64_t count) {
  double most = 0;
  if constexpr (std::is_floating_point_v<T>)
    for (std::int64_t i = 0; i < count; ++i)
      if (std::isfinite(c[i])) most = std::max(most, std::abs(static_cast<double>(c[i])));
  for (std::int64_t i = 0; i < count; ++i) {
    bool same;
    if constexpr (std::is_floating_point_v<T>) {
      constexpr double kRelative = sizeof(T) == 4 ? 1e-3 : 1e-6;
      same = !std::isfinite(c[i]) ||
             std::abs(static_cast<double>(kernel[i]) - static_cast<double>(c[i])) <= kRelative * (1 + most);
    } else {
      same = kernel[i] == c[i];
    }
    if (!same) return fmt::format("{}[{}] is {}, by the C function {}", name, i, kernel[i], c[i]);
  }
  return {};
}

}  // namespace

struct LoopGuard::Sample {
  Sample(LoopKnownPtr known, LoopServedPtr served, const LoopPlan& plan, const LoopMemory& memory, const LoopValues& values,
         const std::vector<LoopBlock>& first, const std::vector<LoopBlock>& second)
      : known(std::move(known)),
        served(std::move(served)),
        plan(plan),
        before(memory, values, first),
        after(memory, values, second) {}
  const LoopKnownPtr known;
  const LoopServedPtr served;
  const LoopPlan& plan;
  OnCopy before, after;
  bool whole = true;  // else there is nothing to judge, but the memory is free only then
};

LoopGuard::LoopGuard(Common& common, TuningService& service, DeviceState& device, int every)
    : common_(common), device_(device), bench_("the guard of loops", service, device, every, 2) {}

void LoopGuard::check(Stream stream, LoopKnownPtr known, const LoopMemory& memory, const LoopValues& values,
                      LoopServedPtr served, const LoopPlan& plan) {
  if (!known->host_serves || memory.where != LoopMemory::Where::device || !memory.unmeasured.empty() || TuningService::inside())
    return;
  device_.machine->check_stream(stream);  // what is of no use to the call breaks no check
  const auto lock = bench_.enter();
  if (!lock || (bench_.sampling.suspects() && served->findings->mismatches == 0)) return;
  std::vector<LoopBlock> first = blocks_of(known->prototype, memory), second = first;
  const auto copies = static_cast<std::uintptr_t>(bench_.memory.get());
  const std::int64_t bytes = place_copies(first, copies);
  if (bytes == 0 || 2 * bytes > CheckBench::kMostBytes) return;
  if (static_cast<std::int64_t>(bench_.memory.bytes()) < 2 * bytes) {
    if (Clock::now() >= room_.at) bench_.prepare([this, bytes] { prepare(2 * bytes); });
    return;
  }

  place_copies(second, copies + static_cast<std::uintptr_t>(bytes));
  const auto sample = std::make_shared<Sample>(std::move(known), std::move(served), plan, memory, values, first, second);
  const auto on = static_cast<CUstream>(stream);
  const auto copy = [&](char* to, const char* from, std::int64_t size) {
    ak::check(driver().cuMemcpyDtoDAsync(reinterpret_cast<CUdeviceptr>(to), reinterpret_cast<CUdeviceptr>(from),
                                         static_cast<std::size_t>(size), on),
              "copying arrays for the guard");
  };
  const auto enqueue = [&] {
    for (std::size_t i = 0; i < first.size(); ++i) {
      copy(first[i].copy, first[i].begin, first[i].bytes);
      copy(second[i].copy, first[i].copy, first[i].bytes);
    }
    bench_.events[0].record(on);
    sample->whole = plan.try_launch(stream, sample->after.values.span());
  };
  bench_.check(stream, enqueue, [this, sample](const Turn&) {
    if (sample->whole) judge(*sample);
  });
}

void LoopGuard::prepare(std::int64_t bytes) {
  bool room = false;
  try {
    if (const std::int64_t most = bench_.most_bytes(); bytes > most)
      throw Error(ErrorCode::out_of_memory, fmt::format("copies of its arrays take {} bytes, {} may be taken now", bytes, most));
    bench_.make_room(bytes);
    room = true;
  } catch (const Error& error) {
    log(LogLevel::info, "a loop is not guarded now: {}", error.what());
  }
  const std::lock_guard lock(bench_.mutex);
  if (room)
    room_ = {};
  else
    room_.later(Clock::now());
}

void LoopGuard::judge(const Sample& sample) {
  if (sample.known->gate->closed()) return;
  const LoopPrototype& prototype = sample.known->prototype;
  auto began = Clock::now();
  LoopCopies c(LoopCopies::To::host, prototype, sample.before.memory, sample.before.values, bench_.stream.get());
  sample.known->run_host_behind(c.values().addresses.data());
  LoopCopies kernel(LoopCopies::To::host, prototype, sample.after.memory, sample.after.values, bench_.stream.get());
  const double in_place_us = seconds_since(began) * 1e6;  // as much is copied as a call in place copies
  const double kernel_us = bench_.events[1].us_since(bench_.events[0]);

  std::string what;
  for (const LoopMemory::Region& region : sample.before.memory.regions) {
    const LoopPrototype::Argument& argument = prototype.arguments()[region.argument];
    if (argument.constant || !what.empty()) continue;
    const auto compared = [&]<class T>(T) {
      return difference(argument.name.c_str(), static_cast<const T*>(kernel.values().pointer(region.argument)),
                        static_cast<const T*>(c.values().pointer(region.argument)),
                        region.bytes / static_cast<std::int64_t>(sizeof(T)));
    };
    switch (argument.type) {
      case loop::ScalarType::f32:
        what = compared(float{});
        break;
      case loop::ScalarType::f64:
        what = compared(double{});
        break;
      case loop::ScalarType::i64:
        what = compared(std::int64_t{});
        break;
      default:
        what = compared(std::int32_t{});
    }
  }

  LoopFindings& findings = *sample.served->findings;
  const bool wrong = !what.empty() && findings.mismatch();
  const double slower = what.empty() ? findings.match(kernel_us / in_place_us) : 0;
  bench_.sampling.suspect(!what.empty() && !wrong);
  common_.ledger.count([&](Counters& counters) { ++counters.guarded, counters.guard_mismatches += !what.empty(); });
  if (!what.empty())
    log(LogLevel::warn, "{}: the guard: {}{}", sample.known->function.name, what,
        wrong ? "" : "; its next call is checked too");
  if (!wrong && slower == 0) return;
  demote(sample,
         wrong ? what : fmt::format("its calls took {:.2f} of the time that the C function and its copies take", slower));
  distrust_record(sample, wrong);
}

// For this context; of what another port has put in its place nothing was seen.
void LoopGuard::demote(const Sample& sample, const std::string& why) {
  LoopFindings& findings = *sample.served->findings;
  if (findings.demoted) return;
  findings.why = fmt::format("the guard took {} away: {}", port::tactic_text(sample.plan.candidate()), why);
  findings.demoted = true;
  demotions_.fetch_add(1, std::memory_order_release);
  log(LogLevel::warn, "{}: the C function serves from now on: {}", sample.known->function.name, findings.why);
  common_.ledger.count([](Counters& counters) { ++counters.guard_demotions; });
}

// What was wrong serves nobody until it is proven again; what was slow is timed again by whoever may.
void LoopGuard::distrust_record(const Sample& sample, bool wrong) {
  for (const bool by_llm : {false, true})
    distrust_record(sample, wrong, winner_key(*sample.known, sample.before.memory.call, device_, by_llm));
}

void LoopGuard::distrust_record(const Sample& sample, bool wrong, const std::string& key) {
  const auto record = common_.store->find_work(loop::kLoop, key);
  // Its text may be of a build that wrote other fields.
  if (!record || !(loop::read_winner(record->text) == sample.served->winner)) return;
  WorkRecord distrusted = *record;
  if (wrong) {
    distrusted.local.clear();
  } else {
    loop::Winner winner = sample.served->winner;
    winner.unfinished = true;
    distrusted.text = loop::write_json(winner);
  }
  common_.store->change_work(*record, distrusted);
}

}  // namespace ak
