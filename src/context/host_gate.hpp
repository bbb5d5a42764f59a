// HostGate: until when threads of the library's may run a caller's C function, whose code may be gone once its loop is closed.
#pragma once

#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "ak/types.hpp"
#include "tune/service.hpp"

namespace ak {

class HostGate {
 public:
  /// Throws Error{internal} where it is closed.
  template <class Run>
  void run(Run&& run) {
    const Inside inside(*this);
    run();
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  /// Waits for who is inside, unless it is the calling thread, or of the process that this one was forked from.
  void close() {
    if (process_ != getpid()) return;
    std::unique_lock lock(mutex_);
    closed_ = true;
    if (!TuningService::inside()) left_.wait(lock, [&] { return inside_ == 0; });
  }

 private:
  struct Inside {
    explicit Inside(HostGate& of) : gate(of) {
      const std::lock_guard lock(gate.mutex_);
      if (gate.closed_) throw Error(ErrorCode::internal, "its loop was closed");
      ++gate.inside_;
    }
    ~Inside() {
      const std::lock_guard lock(gate.mutex_);
      if (--gate.inside_ == 0) gate.left_.notify_all();
    }
    HostGate& gate;
  };

  const pid_t process_ = getpid();
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable left_;
  bool closed_ = false;
  int inside_ = 0;
};

}  // namespace ak
