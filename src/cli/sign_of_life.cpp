#include "cli/sign_of_life.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/clock.hpp"
#include "cli/progress.hpp"

namespace ak::cli {

SignOfLife::SignOfLife(double seconds, std::function<std::string(double)> words)
    : seconds_(seconds), words_(std::move(words)), thread_([this](const std::stop_token& stop) { show(stop); }) {}

void SignOfLife::show(const std::stop_token& stop) {
  ProgressBar bar;
  if (!bar.on_terminal()) return;
  const auto start = Clock::now();
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any stopped;
  for (auto next = start + std::chrono::seconds(2); !stop.stop_requested(); next += std::chrono::milliseconds(200)) {
    stopped.wait_until(lock, stop, next, [] { return false; });
    const double elapsed = seconds_since(start);
    if (!stop.stop_requested()) bar.update(elapsed / seconds_, words_(elapsed));
  }
}

}  // namespace ak::cli
