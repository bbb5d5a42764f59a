// Sampling: which calls a guard checks.
#pragma once

#include <atomic>
#include <cstdint>

namespace ak {

/// Of calls of any threads, one in so many, at irregular distances, so that of calls that come in turn each is met. While there
/// is a suspect every call is one, until the suspect was met or has hidden for long: each call counts, also one that cannot be
/// checked, so that a suspect that is never met again makes no call slow for ever.
class Sampling {
 public:
  explicit Sampling(int every) : every_(static_cast<std::uint64_t>(every)) {}

  bool due() {
    if (suspects()) [[unlikely]]
      return left_.fetch_sub(1, std::memory_order_relaxed), true;
    std::uint64_t n = calls_.fetch_add(1, std::memory_order_relaxed) * 0x9e3779b97f4a7c15ull;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
    return (n ^ n >> 27) % every_ == 0;
  }
  bool suspects() const { return left_.load(std::memory_order_relaxed) > 0; }
  void suspect(bool there_is) { left_.store(there_is ? kHides : 0, std::memory_order_relaxed); }

 private:
  static constexpr int kHides = 1024;  // calls among which a suspect may hide
  const std::uint64_t every_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<int> left_{0};
};

}  // namespace ak
