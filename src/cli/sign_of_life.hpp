// A line on a terminal that shows that long work goes on.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace ak::cli {

/// Shown from the third second on, redrawn while it lives. Nothing else writes to the terminal meanwhile.
class SignOfLife {
 public:
  /// `words` is asked on another thread, with the seconds since the beginning of at most `seconds`.
  SignOfLife(double seconds, std::function<std::string(double elapsed)> words);

 private:
  void show(const std::stop_token& stop);

  const double seconds_;
  const std::function<std::string(double)> words_;
  std::jthread thread_;
};

}  // namespace ak::cli
