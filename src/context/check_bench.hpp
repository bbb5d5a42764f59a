// CheckBench: what a guard checks calls on: memory of its own, a stream, events. One check, or preparation of one, is under way
// at a time. A check is enqueued on the caller's stream and nobody waits; the device's tuner thread ends it later.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ak/types.hpp"
#include "context/sampling.hpp"
#include "gpu/owners.hpp"
#include "tune/service.hpp"

namespace ak {

class DeviceState;

class CheckBench {
 public:
  /// name: the guard's, in the log. events: of a check. service and device outlive it; it outlives what the service runs.
  CheckBench(std::string name, TuningService& service, DeviceState& device, int every, std::size_t events);
  ~CheckBench();

  Sampling sampling;
  std::mutex mutex;           // also of what the guard itself keeps
  Buffer memory;              // while something is under way: its own
  OwnedStream stream;         // of the tuner thread
  std::vector<Event> events;  // the last, which the bench records: after all that a check enqueues

  /// The lock, where nothing is under way; what follows takes it for held.
  std::unique_lock<std::mutex> enter();
  /// Runs on the tuner thread, in the device's context. The bench is free when it ends, also by a throw, which is logged.
  void prepare(std::function<void()> work);
  /// Enqueues now, on the stream; judges when all of it is done, as prepare() does, however long that takes: others have their
  /// turns meanwhile. What enqueue throws is logged, and not judged. Where nobody knows when the memory is free again, nothing
  /// is checked any more, which is logged.
  void check(Stream stream, const std::function<void()>& enqueue, std::function<void(const Turn&)> judge);

  static constexpr std::int64_t kMostBytes = std::int64_t{512} << 20;
  /// What the memory may take now.
  std::int64_t most_bytes() const;
  /// On the tuner thread: stream, events and memory of at least so many bytes are there. Throws Error.
  void make_room(std::int64_t bytes);
  /// How many were begun.
  std::uint64_t works() const { return works_; }

 private:
  struct Work;
  void start(std::function<void(const Turn&)> body, bool waits);
  void run(Work& work, const Turn& turn);
  void give_up(std::string_view why);

  const std::string name_;
  TuningService& service_;
  DeviceState& device_;
  bool busy_ = false;  // something is under way, and has the memory
  std::uint64_t works_ = 0;
};

}  // namespace ak
