// Silent unless asked: AK_LOG=error|warn|info|debug, or Options::log_level. Never stdout.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

namespace ak {

enum class LogLevel : int { off = 0, error, warn, info, debug };

/// Replaces stderr. Called for one line at a time, without the newline, on a thread that logs: its own lines and those that
/// others logged meanwhile. May log itself (that goes to stderr).
using LogSink = std::function<void(LogLevel, std::string_view line)>;

LogLevel log_level();
void set_log_level(LogLevel level);
/// Instead of every sink there is; an empty one: stderr.
void set_log_sink(LogSink sink);
/// Until it is removed, or another is added. After its removal a sink is not called any more, on no thread.
std::uint64_t add_log_sink(LogSink sink);
void remove_log_sink(std::uint64_t id);

/// A sink as long as it lives.
class ScopedLogSink {
 public:
  explicit ScopedLogSink(LogSink sink) : id_(add_log_sink(std::move(sink))) {}
  ~ScopedLogSink() { remove_log_sink(id_); }
  ScopedLogSink(const ScopedLogSink&) = delete;
  ScopedLogSink& operator=(const ScopedLogSink&) = delete;

 private:
  const std::uint64_t id_;
};

void log_line(LogLevel level, std::string_view line);
std::string_view name(LogLevel level);
bool parse_log_level(std::string_view text, LogLevel& level);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level <= log_level()) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

/// Written once per process and text, at `warn`. What it says stands in explanations or in `ak doctor` too, for at `off` nobody
/// hears it.
void warn_once(std::string_view line);

}  // namespace ak
