#include "base/log.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/environment.hpp"

namespace ak {
namespace {

constexpr std::string_view kNames[] = {"off", "error", "warn", "info", "debug"};

LogLevel level_from_environment() {
  LogLevel level = LogLevel::off;
  parse_log_level(environment("AK_LOG"), level);
  return level;
}

std::atomic<LogLevel>& level_slot() {
  static std::atomic<LogLevel> level{level_from_environment()};
  return level;
}

struct Line {
  LogLevel level;
  std::string text;
};

// Never destroyed: a worker thread may still log while the process ends.
struct Sinks {
  std::mutex mutex;                                                             // of what follows
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const LogSink>>> sinks;  // the last one is called
  std::uint64_t last_id = 0;
  std::deque<Line> waiting;
  bool delivering = false;  // by one thread, without the mutex; the others leave their lines to it
  std::condition_variable delivered;
  std::set<std::string, std::less<>> warned;
};
Sinks& all() {
  static Sinks* sinks = new Sinks;
  return *sinks;
}

thread_local bool in_sink = false;  // this thread is; what it logs from there would come back for ever, and goes to stderr

// Nobody waits for a sink, so whatever it does, or waits for, holds up nobody else.
void write(std::unique_lock<std::mutex>& lock, LogLevel level, std::string_view line) {
  Sinks& to = all();
  if (to.sinks.empty() || in_sink) {
    const std::string_view word = name(level);
    std::fprintf(stderr, "ak %.*s: %.*s\n", static_cast<int>(word.size()), word.data(), static_cast<int>(line.size()),
                 line.data());
    return;
  }
  to.waiting.push_back({level, std::string(line)});
  if (to.delivering) return;
  to.delivering = true;
  while (!to.waiting.empty() && !to.sinks.empty()) {
    const Line next = std::move(to.waiting.front());
    to.waiting.pop_front();
    auto sink = to.sinks.back().second;
    lock.unlock();
    in_sink = true;
    try {
      (*sink)(next.level, next.text);
    } catch (...) {  // a line is not worth the work that it tells of
    }
    in_sink = false;
    sink.reset();
    lock.lock();
  }
  to.waiting.clear();
  to.delivering = false;
  to.delivered.notify_all();
}

// A sink taken away is not running any more, unless it is the one that takes itself away.
void await_delivery(std::unique_lock<std::mutex>& lock) {
  if (!in_sink) all().delivered.wait(lock, [] { return !all().delivering; });
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
  Sinks& to = all();
  std::unique_lock lock(to.mutex);
  to.sinks.clear();
  if (sink) to.sinks.emplace_back(++to.last_id, std::make_shared<const LogSink>(std::move(sink)));
  await_delivery(lock);
}

std::uint64_t add_log_sink(LogSink sink) {
  Sinks& to = all();
  const std::lock_guard lock(to.mutex);
  to.sinks.emplace_back(++to.last_id, std::make_shared<const LogSink>(std::move(sink)));
  return to.last_id;
}

void remove_log_sink(std::uint64_t id) {
  Sinks& to = all();
  std::unique_lock lock(to.mutex);
  if (std::erase_if(to.sinks, [&](const auto& each) { return each.first == id; })) await_delivery(lock);
}

void log_line(LogLevel level, std::string_view line) {
  std::unique_lock lock(all().mutex);
  write(lock, level, line);
}

void warn_once(std::string_view line) {
  if (LogLevel::warn > log_level()) return;  // and is heard once the level is raised
  std::unique_lock lock(all().mutex);
  if (all().warned.emplace(line).second) write(lock, LogLevel::warn, line);
}

}  // namespace ak
