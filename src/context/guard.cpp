#include "context/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/arithmetic.hpp"
#include "base/log.hpp"
#include "context/describe.hpp"
#include "context/device_state.hpp"
#include "context/fallback.hpp"
#include "context/stored.hpp"
#include "context/stored_quarantine.hpp"
#include "gpu/driver.hpp"

namespace ak {
namespace {

constexpr std::int64_t kLookedAt = std::int64_t{1} << 20;  // bytes of a result that are compared: rows that follow each other
constexpr double kProof = 10;                              // seconds

double half_ulp(DType type) { return type == DType::f16 ? 0x1p-11 : type == DType::bf16 ? 0x1p-8 : 0x1p-24; }  // relative
double largest(DType type) { return type == DType::f16 ? 65504.0 : 3.38e38; }

float element(const char* at, DType type) {
  const auto half = [&] {
    std::uint16_t bits;
    std::memcpy(&bits, at, sizeof bits);
    return bits;
  };
  switch (type) {
    case DType::bf16:
      return std::bit_cast<float>(std::uint32_t{half()} << 16);
    case DType::f16: {
      const std::uint32_t bits = half(), exponent = bits >> 10 & 31, fraction = bits & 1023;
      const float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                         : exponent     ? std::ldexp(static_cast<float>(1024 + fraction), static_cast<int>(exponent) - 25)
                                        : std::ldexp(static_cast<float>(fraction), -24);
      return bits >> 15 ? -size : size;
    }
    case DType::f32:
      break;
  }
  float value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// What two right kernels may not differ by: their sums, in f32, were rounded once to the type. Of numbers that have no bound
// nothing follows, but that a kernel makes none of what is a number.
bool differ(float own, float rival, double root_mean_square, DType type) {
  if (!std::isfinite(rival)) return false;
  if (!std::isfinite(own)) return std::isnan(own) || std::abs(rival) < largest(type) / 4;
  const double most = std::max(std::abs(own), std::abs(rival));
  return std::abs(double{own} - double{rival}) > 4 * half_ulp(type) * most + 0.01 * root_mean_square;
}

}  // namespace

Guard::Guard(Common& common, TuningService& service, DeviceState& device, int every)
    : common_(common), device_(device), bench_("the guard", service, device, every, 3) {}

void Guard::check(Stream stream, const Problem& problem, const CallArgs& args, const LaunchPlan& plan) {
  if (is_vendor(plan.tactic()) || problem.k == 0 || TuningService::inside() || device_.machine->capturing(stream)) return;
  device_.machine->check_stream(stream);  // what is of no use to the call breaks no check
  const auto lock = bench_.enter();
  if (!lock || (bench_.sampling.suspects() && !(problem == suspect_))) return;
  const auto sample = std::make_shared<Sample>(Sample{problem, plan.tactic(), args});
  const auto size = static_cast<std::int64_t>(size_of(problem.epilogue.out));
  sample->aux_at = round_up(problem.m * args.d.ld * size, std::int64_t{256});
  sample->bytes = sample->aux_at + (problem.epilogue.aux ? round_up(problem.m * args.aux.ld * size, std::int64_t{256}) : 0);
  const auto known = rivals_.find(problem);
  if (known != rivals_.end() && known->second.never) return;
  if (known == rivals_.end() || !known->second.plan || static_cast<std::int64_t>(bench_.memory.bytes()) < kResults * sample->bytes) {
    if (known == rivals_.end() || Clock::now() >= known->second.room.at)
      bench_.prepare([this, problem, bytes = sample->bytes] { prepare(problem, bytes); });
    return;
  }
  const Rival& rival = known->second;

  const auto launch = [&](const LaunchPlan& which, Result to, bool caller_scratch) {
    CallArgs into = args;
    char* const memory = bench_.memory.data<char>() + to * sample->bytes;
    into.d.data = memory;
    if (problem.epilogue.aux) into.aux.data = memory + sample->aux_at;
    if (!caller_scratch) into.workspace = nullptr, into.workspace_bytes = 0;
    return which.try_launch(stream, into);
  };
  const auto enqueue = [&] {
    bool whole = launch(plan, Result::first, true);
    bench_.events[0].record(stream);
    whole = whole && launch(*rival.plan, Result::rivals, false);
    bench_.events[1].record(stream);
    whole = whole && launch(plan, Result::again, true);
    if (!whole) sample->bytes = 0;  // nothing to judge, but the memory is free only then
  };
  bench_.check(stream, enqueue, [this, sample](const Turn& turn) { judge(*sample, turn); });
}

void Guard::prepare(const Problem& problem, std::int64_t bytes) {
  const std::int64_t needed = kResults * bytes;
  Machine::Lack lack;
  PlanPtr plan;
  if (needed > CheckBench::kMostBytes)
    lack.why = fmt::format("three results take {} bytes, {} may be taken", needed, CheckBench::kMostBytes);
  else
    plan = device_.machine->vendor(problem, lack);
  const bool never = !plan && !lack.passes;
  std::string why = std::move(lack.why);
  bool room = false;
  if (plan) try {
      if (const std::int64_t most = bench_.most_bytes(); needed > most)
        throw Error(ErrorCode::out_of_memory, fmt::format("three results take {} bytes, {} may be taken now", needed, most));
      bench_.make_room(needed);
      poison();
      room = true;
    } catch (const Error& error) {
      why = error.what();
    }
  if (!why.empty()) log(LogLevel::info, "{}: not guarded{}: {}", to_string(problem), never ? "" : " now", why);
  const std::lock_guard lock(bench_.mutex);
  Rival& rival = rivals_[problem];
  rival.never = never;
  if (!rival.plan) rival.plan = std::move(plan);
  if (room)
    rival.room = {};
  else
    rival.room.later(Clock::now());
}

// So that what a kernel leaves out is seen.
void Guard::poison() {
  ak::check(driver().cuMemsetD8Async(bench_.memory.get(), 0xff, bench_.memory.bytes(), bench_.stream.get()),
            "preparing the guard's memory");
  bench_.stream.synchronize();
}

// Empty where they agree; not sure where the inputs changed between the kernel's two runs, which are the same to the bit.
std::string Guard::difference(const Sample& sample, bool& sure) {
  const Problem& p = sample.problem;
  const auto size = static_cast<std::int64_t>(size_of(p.epilogue.out));
  std::string what;
  sure = true;
  const auto look = [&](const char* name, std::int64_t at, std::int64_t ld, std::int64_t columns) {
    const std::int64_t pitch = ld * size, rows = std::clamp<std::int64_t>(kLookedAt / pitch, 1, p.m);
    const std::int64_t row =
        (p.m - rows) > 0 ? static_cast<std::int64_t>(bench_.works() * 0x9e3779b97f4a7c15ull >> 33) % (p.m - rows + 1) : 0;
    const auto bytes = static_cast<std::size_t>((rows - 1) * pitch + columns * size);
    std::array<std::vector<char>, kResults> of;
    for (int i = 0; i < kResults; ++i) {
      of[i].resize(bytes);
      ak::check(driver().cuMemcpyDtoHAsync(
                    of[i].data(), bench_.memory.get() + static_cast<std::uint64_t>(i * sample.bytes + at + row * pitch), bytes,
                    bench_.stream.get()),
                "reading a result");
    }
    bench_.stream.synchronize();
    double squares = 0;
    const auto each = [&](auto&& visit) {
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c) visit(r, c, static_cast<std::size_t>(r * pitch + c * size));
    };
    each([&](std::int64_t, std::int64_t, std::size_t i) {
      const double v = element(&of[Result::rivals][i], p.epilogue.out);
      if (std::isfinite(v)) squares += v * v;
      sure = sure && std::equal(&of[Result::first][i], &of[Result::first][i] + size, &of[Result::again][i]);
    });
    const double root = std::sqrt(squares / (static_cast<double>(rows) * static_cast<double>(columns)));
    each([&](std::int64_t r, std::int64_t c, std::size_t i) {
      const float own = element(&of[Result::first][i], p.epilogue.out), rival = element(&of[Result::rivals][i], p.epilogue.out);
      if (what.empty() && differ(own, rival, root, p.epilogue.out))
        what = fmt::format("{}[{},{}] is {}, cuBLASLt's {}", name, row + r, c, own, rival);
    });
  };
  look("D", 0, sample.args.d.ld, p.n);
  if (p.epilogue.aux) look("aux", sample.aux_at, sample.args.aux.ld, p.wide_n());
  return what;
}

void Guard::judge(const Sample& sample, const Turn& turn) {
  bool sure = false;
  std::string what;
  double ratio = 0;
  if (sample.bytes > 0) {
    what = difference(sample, sure);
    const double own = bench_.events[2].us_since(bench_.events[1]), rival = bench_.events[1].us_since(bench_.events[0]);
    ratio = rival > 0 ? own / rival : 0;
    poison();
  }
  bool wrong = false;
  std::string slower;
  if (sample.bytes > 0 && sure) {
    const std::lock_guard lock(bench_.mutex);
    Findings& findings = rivals_[sample.problem].findings;
    if (!what.empty())
      wrong = findings.mismatch();
    else if (const double median = findings.match(ratio); median > 0)
      slower = fmt::format("its calls took {:.2f} of cuBLASLt's time", median);
    suspect_ = sample.problem;
    bench_.sampling.suspect(!what.empty() && !wrong);
  }
  common_.ledger.count([&](Counters& c) {
    c.guarded += sample.bytes > 0, c.guard_unsure += sample.bytes > 0 && !sure, c.guard_mismatches += sure && !what.empty();
  });
  if (sure && !what.empty())
    log(LogLevel::warn, "{}: the guard: {}: {}{}", to_string(sample.problem), served_by(sample.tactic), what,
        wrong ? "" : "; its next call is checked too");
  if (wrong) {
    demote(sample, what);
    prove_again(sample, turn);
  } else if (!slower.empty()) {
    demote(sample, slower);
    keep_provisional(sample, slower);
  }
}

// For this context; of what another search has put in its place nothing was seen.
void Guard::demote(const Sample& sample, const std::string& why) {
  Served vendor;
  {
    const std::lock_guard lock(bench_.mutex);
    vendor.plan = rivals_[sample.problem].plan;
  }
  vendor.source = "guard";
  vendor.record.problem = sample.problem, vendor.record.hardware = device_.machine->hardware();
  vendor.record.tactic = vendor.plan->tactic();
  vendor.note = fmt::format("the guard took {} away: {}", served_by(sample.tactic), why);
  const std::string note = vendor.note;
  if (!device_.replace(sample.problem, sample.tactic, std::move(vendor))) return;
  log(LogLevel::warn, "{}: cuBLASLt serves from now on: {}", to_string(sample.problem), note);
  common_.ledger.count([](Counters& c) { ++c.guard_demotions; });
}

// Only a proof that fails accuses it for good.
void Guard::prove_again(const Sample& sample, const Turn& turn) {
  Machine& machine = *device_.machine;
  Store& store = *common_.store;
  StoredQuarantine quarantine(store, machine.hardware());
  Allowance allowance = common_.allowance(machine);
  allowance.stop = turn.by.stop();
  try {
    const Trial trial =
        machine.runner(sample.problem, allowance, &quarantine)->prove(sample.tactic, Deadline::in(kProof, turn.by.stop()));
    log(LogLevel::warn, "{}: {}, proven again: {}{}{}", to_string(sample.problem), served_by(sample.tactic),
        name(trial.outcome), trial.why.empty() ? "" : ": ", trial.why);
    if (trial.outcome != Outcome::incorrect) return;
    quarantine.add(machine.provenance(sample.problem, sample.tactic, false).kernel_source,
                   fmt::format("the guard, and a proof after it: {}", trial.why));
    if (const auto record = store.find(sample.problem, machine.hardware()); record && record->tactic == sample.tactic)
      store.change(*record, std::nullopt);
    for (const Problem& other : device_.withdraw(sample.problem, sample.tactic))
      device_.keep(other, without_search(common_, machine, other, "its kernel is wrong at another m of its bucket"));
  } catch (const std::exception& error) {
    log(LogLevel::warn, "{}: {} could not be proven again: {}", to_string(sample.problem), served_by(sample.tactic),
        error.what());
  }
}

// Whoever prepares the problem next tunes it again.
void Guard::keep_provisional(const Sample& sample, const std::string& why) {
  Store& store = *common_.store;
  const auto record = record_for(store, device_.machine->hardware(), sample.problem);  // its bucket's, if it was lent
  if (!record || !(record->tactic == sample.tactic) || record->provenance.provisional) return;
  PlanRecord provisional = *record;
  provisional.provenance.provisional = true;
  provisional.provenance.note = joined(provisional.provenance.note, "the guard: " + why);
  store.change(*record, provisional);
}

}  // namespace ak
