// A progress bar on a terminal, plain lines otherwise; always stderr, so that stdout stays for results.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace ak::cli {

class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Redraws at most twenty times a second. Writes nothing where stderr is no terminal.
  void update(double fraction, std::string_view text);
  /// A line that stays, above the bar.
  void line(std::string_view text);
  /// Removes the bar.
  void clear();
  bool on_terminal() const { return terminal_; }

 private:
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// "[######      ] text", never wider than `columns`.
std::string bar(double fraction, std::string_view text, int columns);

}  // namespace ak::cli
