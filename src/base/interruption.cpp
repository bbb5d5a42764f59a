#include "base/interruption.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/thread.hpp"

namespace ak {

namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

struct Actions {
  std::mutex mutex;
  std::map<int, std::function<void()>> by_number;
  int last = 0;
};

Actions& actions() {
  static auto* const all = new Actions;  // threads may use it at exit
  return *all;
}

[[noreturn]] void end_by(int signal) {
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  sigset_t one;
  sigemptyset(&one), sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::_exit(128 + signal);
}

}  // namespace

void AtInterruption::set(std::function<void()> action) {
  set_with([&] { return std::move(action); });
}

void AtInterruption::set_with(const std::function<std::function<void()>()>& start) {
  forget();
  const std::lock_guard lock(actions().mutex);
  std::function<void()> action = start();
  if (!action) return;
  number_ = ++actions().last;
  actions().by_number.emplace(number_, std::move(action));
}

void AtInterruption::forget() {
  if (number_ == 0) return;
  const std::lock_guard lock(actions().mutex);
  actions().by_number.erase(std::exchange(number_, 0));
}

void tidy_when_interrupted() {
  sigset_t taken;
  sigemptyset(&taken);
  for (const int signal : kSignals) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) sigaddset(&taken, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &taken, nullptr);  // of all threads that are started from now on
  try {
    start_thread([taken] {
      int signal = 0;
      while (::sigwait(&taken, &signal) != 0) {
      }
      actions().mutex.lock();  // and nobody begins anything more
      auto& all = actions().by_number;
      for (auto one = all.rbegin(); one != all.rend(); ++one) one->second();
      end_by(signal);
    }).detach();
  } catch (const std::system_error&) {
    ::pthread_sigmask(SIG_UNBLOCK, &taken, nullptr);
  }
}

}  // namespace ak
