#include "base/log.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>

namespace ak {
namespace {

constexpr std::string_view kNames[] = {"off", "error", "warn", "info", "debug"};

LogLevel level_from_environment() {
  LogLevel level = LogLevel::off;
  if (const char* text = std::getenv("AK_LOG")) parse_log_level(text, level);
  return level;
}

std::atomic<LogLevel>& level_slot() {
  static std::atomic<LogLevel> level{level_from_environment()};
  return level;
}

// Never destroyed: a worker thread may still log while the process ends.
struct Sink {
  std::mutex mutex;
  LogSink sink;
  std::set<std::string, std::less<>> warned;
};
Sink& sink_slot() {
  static Sink* sink = new Sink;
  return *sink;
}

void write(Sink& to, LogLevel level, std::string_view line) {
  if (to.sink) return to.sink(level, line);
  std::fprintf(stderr, "ak %.*s: %.*s\n", static_cast<int>(kNames[static_cast<int>(level)].size()),
               kNames[static_cast<int>(level)].data(), static_cast<int>(line.size()), line.data());
}

}  // namespace

bool parse_log_level(std::string_view text, LogLevel& level) {
  for (int i = 0; i < 5; ++i) {
    if (text != kNames[i]) continue;
    level = static_cast<LogLevel>(i);
    return true;
  }
  return false;
}

std::string_view name(LogLevel level) { return kNames[static_cast<int>(level)]; }

LogLevel log_level() { return level_slot().load(std::memory_order_relaxed); }
void set_log_level(LogLevel level) { level_slot().store(level, std::memory_order_relaxed); }

void set_log_sink(LogSink sink) {
  Sink& slot = sink_slot();
  std::lock_guard lock(slot.mutex);
  slot.sink = std::move(sink);
}

void log_line(LogLevel level, std::string_view line) {
  Sink& slot = sink_slot();
  std::lock_guard lock(slot.mutex);
  write(slot, level, line);
}

void warn_once(std::string_view line) {
  Sink& slot = sink_slot();
  std::lock_guard lock(slot.mutex);
  if (slot.warned.emplace(line).second) write(slot, LogLevel::warn, line);
}

}  // namespace ak
