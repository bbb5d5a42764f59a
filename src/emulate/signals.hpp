// What interrupts a kernel that is emulated.
#pragma once

#include <sys/time.h>

#include <csignal>

namespace ak::loop {

/// While it lives, its handlers get what a kernel does that ends a process, and a tick each 100 ms of processor time.
class Signals {
 public:
  Signals(void (*crashed)(int), void (*ticked)(int, siginfo_t*, void*)) {
    static char stack[64 << 10];  // the kernel's own may be what overflowed
    stack_t alternate{};
    alternate.ss_sp = stack, alternate.ss_size = sizeof stack;
    ::sigaltstack(&alternate, nullptr);
    struct sigaction action {};
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    action.sa_handler = crashed;
    for (int i = 0; i < kCrashes; ++i) ::sigaction(kSignals[i], &action, &before_[i]);
    action.sa_flags |= SA_SIGINFO | SA_RESTART;
    action.sa_sigaction = ticked;
    ::sigaction(SIGVTALRM, &action, &before_[kCrashes]);
    const itimerval tick{{0, 100'000}, {0, 100'000}};
    ::setitimer(ITIMER_VIRTUAL, &tick, nullptr);
  }
  ~Signals() {
    const itimerval never{};
    ::setitimer(ITIMER_VIRTUAL, &never, nullptr);
    for (int i = 0; i <= kCrashes; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  static constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGVTALRM};
  static constexpr int kCrashes = 5;
  struct sigaction before_[kCrashes + 1];
};

}  // namespace ak::loop
