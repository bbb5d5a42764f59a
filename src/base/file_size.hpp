// How large this process may write a file (`ulimit -f`): to write beyond it would end the process (SIGXFSZ).
#pragma once

#include <signal.h>
#include <sys/resource.h>

#include <cstdint>
#include <ctime>

namespace ak {

/// Asked first where half of what is written would be of no use, and where a map is written, not a file.
inline bool file_may_grow_to(std::uint64_t bytes) {
  rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

/// While it lives, what this thread writes beyond that fails with EFBIG, and no signal comes of it.
class NoFileSizeSignal {
 public:
  NoFileSizeSignal() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &only(), &before_);
  }
  ~NoFileSizeSignal() {
    constexpr timespec kNow{0, 0};
    if (!was_pending_) sigtimedwait(&only(), nullptr, &kNow);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoFileSizeSignal(const NoFileSizeSignal&) = delete;
  NoFileSizeSignal& operator=(const NoFileSizeSignal&) = delete;

 private:
  static const sigset_t& only() {
    static const sigset_t set = [] {
      sigset_t one;
      sigemptyset(&one), sigaddset(&one, SIGXFSZ);
      return one;
    }();
    return set;
  }
  sigset_t before_;
  bool was_pending_;
};

}  // namespace ak
