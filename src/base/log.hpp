// Silent unless asked: AK_LOG=error|warn|info|debug, or a sink set through Options. Never stdout.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace ak {

enum class LogLevel : int { off = 0, error, warn, info, debug };

/// Replaces stderr. Called under a lock, one line a call, without the newline.
using LogSink = std::function<void(LogLevel, std::string_view line)>;

LogLevel log_level();
void set_log_level(LogLevel level);
void set_log_sink(LogSink sink);
void log_line(LogLevel level, std::string_view line);
std::string_view name(LogLevel level);
bool parse_log_level(std::string_view text, LogLevel& level);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level <= log_level()) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

/// Written once per process and text, whatever the level is above `off`: for what the user must know and nobody asked for.
void warn_once(std::string_view line);

}  // namespace ak
