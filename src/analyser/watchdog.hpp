// The program's end where reading a text takes too long: what goes through clang may still be made to keep every later step
// busy.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace ak::analyser {

class Watchdog {
 public:
  /// While it lives, and at once where `seconds` is 0: after that time the process ends with the line on its error stream and
  /// this exit code.
  Watchdog(double seconds, std::string line, int exit_code);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace ak::analyser
