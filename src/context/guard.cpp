#include "context/guard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <utility>

#include "base/arithmetic.hpp"
#include "base/log.hpp"
#include "context/describe.hpp"
#include "context/device_state.hpp"
#include "context/stored_quarantine.hpp"
#include "gpu/driver.hpp"

namespace ak {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{512} << 20;  // of three results
constexpr int kOfFree = 4;                                    // and no more than one in so many of what is free
constexpr std::int64_t kLookedAt = std::int64_t{1} << 20;  // bytes of a result that are compared: rows that follow each other
constexpr int kConfirm = 2;                                // mismatches, one after the other, that accuse a kernel
constexpr std::size_t kTimes = 8;                          // checks that tell whether a kernel is slower
constexpr double kSlower = 1.05;                           // than cuBLASLt's, at the median
constexpr double kPatience = 10, kProof = 10;              // seconds

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

class Guard::Preparation final : public TuningWork {
 public:
  Preparation(Guard& guard, const Problem& problem, std::int64_t bytes) : guard_(guard), problem_(problem), bytes_(bytes) {}
  void run(const Turn&) override { guard_.prepare(problem_, bytes_); }

 private:
  Guard& guard_;
  const Problem problem_;
  const std::int64_t bytes_;
};

class Guard::Judgement final : public TuningWork {
 public:
  Judgement(Guard& guard, Sample sample) : guard_(guard), sample_(std::move(sample)) {}
  void run(const Turn& turn) override { guard_.judge(sample_, turn); }

 private:
  Guard& guard_;
  const Sample sample_;
};

Guard::Guard(Common& common, TuningService& service, DeviceState& device, int every)
    : common_(common), service_(service), device_(device), sampling_(every) {}

// What it enqueued may still use its memory.
Guard::~Guard() {
  if (!busy_ || !events_[2] || !events_[2].alive()) return;
  try {
    const RelaxedCapture relaxed;
    events_[2].synchronize();
  } catch (const Error&) {
  }
}

void Guard::start(std::shared_ptr<TuningWork> work) {
  busy_ = true;
  const Digest key = Hasher().field("guard", fmt::format("{}", ++works_)).digest();
  service_.enqueue({.place = this,
                    .key = key,
                    .device = device_.machine->device_ordinal(),
                    .work = std::move(work),
                    .leased = false,
                    .kept = true},
                   Deadline::never());
}

void Guard::check(Stream stream, const Problem& problem, const CallArgs& args, const LaunchPlan& plan) {
  if (is_vendor(plan.tactic()) || problem.k == 0 || TuningService::inside() || device_.machine->capturing(stream)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || busy_) return;
  if (sampling_.suspects() && !(problem == suspect_)) return;
  Sample sample{problem, plan.tactic(), args};
  const auto size = static_cast<std::int64_t>(size_of(problem.epilogue.out));
  sample.aux_at = round_up(problem.m * args.d.ld * size, std::int64_t{256});
  sample.bytes = sample.aux_at + (problem.epilogue.aux ? round_up(problem.m * args.aux.ld * size, std::int64_t{256}) : 0);
  const auto known = rivals_.find(problem);
  if (known == rivals_.end() || (known->second.plan && known->second.bytes < sample.bytes))
    return start(std::make_shared<Preparation>(*this, problem, sample.bytes));
  const Rival& rival = known->second;
  if (!rival.plan) return;

  const auto launch = [&](const LaunchPlan& which, Result to, bool caller_scratch) {
    CallArgs into = args;
    char* const memory = memory_.data<char>() + to * sample.bytes;
    into.d.data = memory;
    if (problem.epilogue.aux) into.aux.data = memory + sample.aux_at;
    if (!caller_scratch) into.workspace = nullptr, into.workspace_bytes = 0;
    return which.try_launch(stream, into);
  };
  try {
    bool whole = launch(plan, Result::first, true);
    events_[0].record(stream);
    whole = whole && launch(*rival.plan, Result::rivals, false);
    events_[1].record(stream);
    whole = whole && launch(plan, Result::again, true);
    events_[2].record(stream);
    if (!whole) sample.bytes = 0;  // nothing to judge, but the memory is free only then
    start(std::make_shared<Judgement>(*this, std::move(sample)));
  } catch (const Error& error) {  // the call itself says what is wrong; who knows when the memory is free again
    busy_ = true;
    log(LogLevel::warn, "the guard checks nothing on this device any more: {}", error.what());
  }
}

void Guard::prepare(const Problem& problem, std::int64_t bytes) {
  const auto entered = device_.machine->enter();
  Rival rival;
  std::string why;
  try {
    if (!stream_) {
      stream_ = OwnedStream::make();
      for (Event& event : events_) event = Event::make();
    }
    const std::int64_t most = std::min(kMostBytes, device_.machine->device_bytes() / kOfFree);
    if (kResults * bytes > most)
      why = fmt::format("three results take {} bytes, {} may be taken", kResults * bytes, most);
    else
      rival.plan = device_.machine->vendor(problem, why);
    if (rival.plan && static_cast<std::int64_t>(memory_.bytes()) < kResults * bytes) {
      memory_ = Buffer();
      memory_ = Buffer::make(static_cast<std::size_t>(kResults * bytes));
    }
    if (rival.plan) {
      ak::check(driver().cuMemsetD8Async(memory_.get(), 0xff, memory_.bytes(), stream_.get()), "preparing the guard's memory");
      stream_.synchronize();
    }
  } catch (const Error& error) {
    why = error.what(), rival.plan = nullptr;
  }
  rival.bytes = bytes;
  if (!rival.plan) log(LogLevel::info, "{}: not guarded: {}", to_string(problem), why);
  const std::lock_guard lock(mutex_);
  if (memory_.bytes() == 0)
    for (auto& [other, its] : rivals_) its.plan = nullptr;  // it lost its memory, and so did they
  rivals_.insert_or_assign(problem, std::move(rival));
  busy_ = false;
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
        (p.m - rows) > 0 ? static_cast<std::int64_t>(works_ * 0x9e3779b97f4a7c15ull >> 33) % (p.m - rows + 1) : 0;
    const auto bytes = static_cast<std::size_t>((rows - 1) * pitch + columns * size);
    std::array<std::vector<char>, kResults> of;
    for (int i = 0; i < kResults; ++i) {
      of[i].resize(bytes);
      ak::check(driver().cuMemcpyDtoHAsync(of[i].data(),
                                           memory_.get() + static_cast<std::uint64_t>(i * sample.bytes + at + row * pitch),
                                           bytes, stream_.get()),
                "reading a result");
    }
    stream_.synchronize();
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
  const auto entered = device_.machine->enter();
  const Deadline patient = Deadline::in(kPatience, turn.by.stop());
  while (!events_[2].done()) {
    if (patient.passed()) return;  // the memory stays the stream's: nothing is checked on this device any more
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  bool sure = false;
  std::string what;
  double ratio = 0;
  if (sample.bytes > 0) {
    what = difference(sample, sure);
    const double own = events_[2].us_since(events_[1]), rival = events_[1].us_since(events_[0]);
    ratio = rival > 0 ? own / rival : 0;
    ak::check(driver().cuMemsetD8Async(memory_.get(), 0xff, memory_.bytes(), stream_.get()), "preparing the guard's memory");
    stream_.synchronize();
  }
  bool wrong = false;
  std::string slower;
  {
    const std::lock_guard lock(mutex_);
    Rival& rival = rivals_[sample.problem];
    if (sample.bytes > 0 && sure) {
      rival.mismatches = what.empty() ? 0 : rival.mismatches + 1;
      wrong = rival.mismatches == kConfirm;
      if (what.empty() && ratio > 0) rival.ratios.push_back(ratio);
      if (rival.ratios.size() == kTimes) {
        std::ranges::nth_element(rival.ratios, rival.ratios.begin() + kTimes / 2);
        if (const double median = rival.ratios[kTimes / 2]; median > kSlower)
          slower = fmt::format("its calls took {:.2f} of cuBLASLt's time", median);
        rival.ratios.clear();
      }
      suspect_ = sample.problem;
      sampling_.suspect(rival.mismatches > 0 && !wrong);
    } else {
      sampling_.missed();
    }
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
  const std::lock_guard lock(mutex_);
  busy_ = false;
}

// For this context; of what another search has put in its place nothing was seen.
void Guard::demote(const Sample& sample, const std::string& why) {
  const auto serves = device_.find(sample.problem);
  if (!serves || !serves->plan || !(serves->plan->tactic() == sample.tactic)) return;
  Served vendor;
  {
    const std::lock_guard lock(mutex_);
    vendor.plan = rivals_[sample.problem].plan;
  }
  vendor.source = "guard";
  vendor.record.problem = sample.problem, vendor.record.hardware = device_.machine->hardware();
  vendor.record.tactic = vendor.plan->tactic();
  vendor.note = fmt::format("the guard took {} away: {}", served_by(sample.tactic), why);
  log(LogLevel::warn, "{}: cuBLASLt serves from now on: {}", to_string(sample.problem), vendor.note);
  device_.keep(sample.problem, std::move(vendor));
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
      store.erase(sample.problem, machine.hardware());
  } catch (const std::exception& error) {
    log(LogLevel::warn, "{}: {} could not be proven again: {}", to_string(sample.problem), served_by(sample.tactic),
        error.what());
  }
}

// Whoever prepares the problem next tunes it again.
void Guard::keep_provisional(const Sample& sample, const std::string& why) {
  Store& store = *common_.store;
  auto record = store.find(sample.problem, device_.machine->hardware());
  if (!record || !(record->tactic == sample.tactic) || record->provenance.provisional) return;
  const auto cubin = store.cubin(record->cubin);
  if (!cubin) return;
  record->provenance.provisional = true;
  record->provenance.note = joined(record->provenance.note, "the guard: " + why);
  store.replace(*record, *cubin);
}

}  // namespace ak
