#include "base/thread.hpp"

#include <signal.h>

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
  return std::thread(std::move(body));
}

}  // namespace ak
