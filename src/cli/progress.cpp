#include "cli/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace ak::cli {
namespace {

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string bar(double fraction, std::string_view text, int columns) {
  constexpr int kWidth = 24;
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kWidth);
  std::string line = fmt::format("[{:#<{}}{:<{}}] {}", "", filled, "", kWidth - filled, text);
  if (columns > 0 && line.size() > static_cast<std::size_t>(columns)) line.resize(columns);
  return line;
}

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO)) {}
ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::update(double fraction, std::string_view text) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - last_ < std::chrono::milliseconds(50)) return;
  last_ = now;
  drawn_ = true;
  fmt::print(stderr, "\r\033[K{}", bar(fraction, text, terminal_columns() - 1));
  std::fflush(stderr);
}

void ProgressBar::line(std::string_view text) {
  clear();
  fmt::print(stderr, "{}\n", text);
}

void ProgressBar::clear() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace ak::cli
