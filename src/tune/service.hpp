// TuningService: owns the work that searches are, so that each has one owner, one turn on its device and one lease among
// processes. Enqueue and wait, enqueue and go on, enqueue all: the same.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/thread.hpp"

namespace ak {

class TuningWork;

/// While a piece of work has it, no other of this process runs on its device, and no process that shares the folder has work of
/// its key.
struct Turn {
  Deadline by;           // when the last of its callers would stop waiting for a result; passed once the work is to stop
  std::string no_lease;  // why other processes may do the same work meanwhile; empty: they do not
  /// Callers wait for so many seconds from now, then go on without the result; the work goes on.
  std::function<void(double seconds)> expect;
  /// When this work has ended the other is enqueued in its place, to begin so many seconds from now at the earliest, or when
  /// an equal request comes; not where the service ends.
  std::function<void(std::shared_ptr<TuningWork> work, double seconds)> again;
};

class TuningWork {
 public:
  virtual ~TuningWork() = default;
  /// On the device's tuner thread, once. Another process may have had the lease until now, another context the device: what it
  /// left is looked for first. What it throws reaches who waits.
  virtual void run(const Turn& turn) = 0;
};

struct TuningRequest {
  const void* place = nullptr;       // where its result goes
  Digest key;                        // what it is about, among all processes
  std::uint64_t kind = 0;            // what is asked of it: requests of one place, key and kind join
  int device = 0;                    // those of one device take turns, in order, whatever service they come from
  std::shared_ptr<TuningWork> work;  // must not wait for its service
  bool leased = true;                // waits until no other process has work of the key
  bool kept = false;                 // runs even when nobody waits for it any more, and joins only what does so too
};

class TuningService {
 public:
  /// std::thread's constructor; a test's own may throw std::system_error.
  using MakeThread = std::function<std::thread(std::function<void()>)>;

  /// Leases lie in lease_folder; empty: there are none. A device's thread starts with its first request and ends with the last
  /// service that used it; where none can be started, who waits does the work itself.
  explicit TuningService(std::string lease_folder, MakeThread make_thread = start_thread);
  /// Drops what waits, stops what runs and waits for its end. Not to be called by work.
  ~TuningService();
  TuningService(const TuningService&) = delete;
  TuningService& operator=(const TuningService&) = delete;

  struct Entry;
  using Ticket = std::shared_ptr<Entry>;

  /// Returns at once, with the ticket of an equal request where there is one. by: when its caller would stop waiting.
  Ticket enqueue(TuningRequest request, Deadline by);

  enum class End {
    done,       // and the work's result stands
    device,     // its turn did not come: the device was busy
    elsewhere,  // another process had the lease all the time
    late,       // it runs still
  };
  enum class Patience { turn, no_lease };
  /// Until the work is done: at most until begin_by for its turn, and no longer than the work then expects; no_lease: not for
  /// another process either. Work that nobody waits for any more and that has not begun is dropped, unless kept. Throws what
  /// the work threw.
  End wait(const Ticket& ticket, Deadline begin_by, Patience patience = Patience::turn);

  static const std::shared_ptr<TuningWork>& work(const Ticket& ticket);
  /// Whether another process ever had the ticket's lease.
  bool met_elsewhere(const Ticket& ticket);
  /// Whether the calling thread is doing some work now: it must not wait for more.
  static bool inside();

 private:
  struct Tuners;
  Tuners& tuners();

  const std::string folder_;
  const MakeThread make_thread_;
  std::atomic<Tuners*> tuners_{nullptr};
};

}  // namespace ak
