#include "base/thread.hpp"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <utility>

namespace ak {

std::thread start_thread(std::function<void()> body) {
  struct Masked {
    sigset_t before;
    Masked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the thread
    }
    ~Masked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } const masked;
  return std::thread([body = std::move(body)] {
    cpu_set_t cores;
    if (sched_getaffinity(getpid(), sizeof cores, &cores) == 0) sched_setaffinity(0, sizeof cores, &cores);
    body();
  });
}

}  // namespace ak
