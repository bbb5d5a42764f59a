#include "analyser/watchdog.hpp"

#include <unistd.h>

#include <utility>

#include "base/clock.hpp"
#include "base/thread.hpp"

namespace ak::analyser {
namespace {

[[noreturn]] void end_with(const std::string& line, int exit_code) {
  // Nothing of the rest is asked for anything: it may hold any lock.
  for (std::size_t at = 0; at < line.size();) {
    const auto written = ::write(STDERR_FILENO, line.data() + at, line.size() - at);
    if (written <= 0) break;
    at += static_cast<std::size_t>(written);
  }
  ::_exit(exit_code);
}

}  // namespace

Watchdog::Watchdog(double seconds, std::string line, int exit_code) {
  line += '\n';
  if (seconds <= 0) end_with(line, exit_code);
  thread_ = start_thread([this, deadline = Deadline::in(seconds), line = std::move(line), exit_code] {
    std::unique_lock lock(mutex_);
    if (!deadline.wait(ended_, lock, [this] { return done_; })) end_with(line, exit_code);
  });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

}  // namespace ak::analyser
