// Ranges that a profiler shows (NVTX) while AK_NVTX is 1: what the library does beside launching.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <string>
#include <utility>

namespace ak {

/// On the calling thread, while it lives. Off, it costs a load, and nothing is put in words.
class ProfileRange {
 public:
  /// "search 16x4096x4096 ...": what is done, and for what.
  template <class... Args>
  explicit ProfileRange(fmt::format_string<Args...> format, Args&&... args) : open_(on_.load(std::memory_order_relaxed)) {
    if (open_) begin(fmt::format(format, std::forward<Args>(args)...));
  }
  ~ProfileRange() {
    if (open_) end();
  }
  ProfileRange(const ProfileRange&) = delete;
  ProfileRange& operator=(const ProfileRange&) = delete;

  /// On a caller's thread: where a profiler is to be found stands in the environment, which NVTX reads.
  static void switch_to(bool on);

 private:
  static void begin(const std::string& name);
  static void end();
  static std::atomic<bool> on_;
  const bool open_;
};

}  // namespace ak
