#include "context/check_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "context/device_state.hpp"

namespace ak {
namespace {

constexpr int kOfFree = 4;       // no more than one byte in so many of what is free
constexpr double kAtOnce = 0.1;  // seconds that a caller's stream is waited for in one turn; then others have theirs
constexpr double kLonger = 10;   // seconds after which the log says that it is waited for

}  // namespace

struct CheckBench::Work final : TuningWork, std::enable_shared_from_this<Work> {
  Work(CheckBench& bench, std::function<void(const Turn&)> body, bool waits)
      : bench(bench), body(std::move(body)), waits(waits) {}
  void run(const Turn& turn) override { bench.run(*this, turn); }

  CheckBench& bench;
  const std::function<void(const Turn&)> body;
  const bool waits;
  const Clock::time_point began = Clock::now();
  bool told = false;
};

CheckBench::CheckBench(std::string name, TuningService& service, DeviceState& device, int every, std::size_t events)
    : sampling(every), events(events), name_(std::move(name)), service_(service), device_(device) {}

// What it enqueued may still use its memory.
CheckBench::~CheckBench() {
  if (!busy_ || !events.back() || !events.back().alive()) return;
  try {
    const RelaxedCapture relaxed;
    events.back().synchronize();
  } catch (const Error&) {
  }
}

std::unique_lock<std::mutex> CheckBench::enter() {
  std::unique_lock lock(mutex, std::try_to_lock);
  if (lock && busy_) lock.unlock();
  return lock;
}

void CheckBench::prepare(std::function<void()> work) {
  start([work = std::move(work)](const Turn&) { work(); }, false);
}

void CheckBench::check(Stream stream, const std::function<void()>& enqueue, std::function<void(const Turn&)> judge) {
  try {
    try {
      enqueue();
    } catch (const Error& error) {  // the call itself says what is wrong
      log(LogLevel::info, "{}: a call was not checked: {}", name_, error.what());
      judge = [](const Turn&) {};
    }
    events.back().record(stream);
    start(std::move(judge), true);
  } catch (const Error& error) {
    give_up(error.what());
  }
}

void CheckBench::start(std::function<void(const Turn&)> body, bool waits) {
  busy_ = true;
  const Digest key = Hasher().field(name_, fmt::format("{}", ++works_)).digest();
  service_.enqueue({.place = this,
                    .key = key,
                    .device = device_.machine->device_ordinal(),
                    .work = std::make_shared<Work>(*this, std::move(body), waits),
                    .leased = false,
                    .kept = true},
                   Deadline::never());
}

void CheckBench::run(Work& work, const Turn& turn) {
  bool free = !work.waits;  // nothing on a stream uses the memory
  std::string why;
  try {
    const auto entered = device_.machine->enter();
    const Deadline patient = Deadline::in(kAtOnce, turn.by.stop());
    while (!free && !(free = events.back().done()) && !patient.passed())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (free) {
      work.body(turn);
    } else {
      if (const double waited = seconds_since(work.began); waited > kLonger && !std::exchange(work.told, true))
        log(LogLevel::warn, "{}: the stream of a call that is checked is busy for {:.0f} s; nothing is checked meanwhile",
            name_, waited);
      return turn.again(work.shared_from_this(), kAtOnce);
    }
  } catch (const std::exception& error) {
    why = error.what();
  } catch (...) {  // a C function of the caller's may throw what it likes
    why = "what was thrown is no std::exception";
  }
  const std::lock_guard lock(mutex);
  if (free) {
    busy_ = false;
    if (!why.empty()) log(LogLevel::warn, "{}: a check came to nothing: {}", name_, why);
  } else {
    give_up(why);
  }
}

// The memory stays the stream's.
void CheckBench::give_up(std::string_view why) {
  busy_ = true;
  sampling.suspect(false);
  log(LogLevel::warn, "{} checks nothing on this device any more: {}", name_, why);
}

std::int64_t CheckBench::most_bytes() const { return std::min(kMostBytes, device_.machine->device_bytes() / kOfFree); }

void CheckBench::make_room(std::int64_t bytes) {
  if (!stream) {
    stream = OwnedStream::make();
    for (Event& event : events) event = Event::make();
  }
  if (static_cast<std::int64_t>(memory.bytes()) >= bytes) return;
  memory = Buffer();
  memory = Buffer::make(static_cast<std::size_t>(bytes));
}

}  // namespace ak
