// What is remembered of the accesses to each word of memory, and which of them one thread knows to lie behind it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace ak::loop {

/// When a thread was: its block's barriers (20 bits), then the thread's own points of order since the last one (19 bits). Rises
/// with every launch, so that what an earlier launch left needs no clearing.
using Time = std::uint64_t;
constexpr int kFineBits = 19, kTimeBits = 39;
constexpr Time kEpoch = Time{1} << kFineBits;

/// A point of order of the thread's own. Where there are too many in one epoch the last ones are one.
inline Time advance(Time& time) {
  if ((time + 1) % kEpoch) ++time;
  return time;
}

/// Of one access: thread (24 bits: block, index in it), time, whether an atomic one wrote.
struct Stamp {
  std::uint64_t bits = 0;

  static Stamp of(std::uint32_t thread, Time time, bool wrote = false) {
    return {std::uint64_t{thread} << (kTimeBits + 1) | time << 1 | std::uint64_t{wrote}};
  }
  std::uint32_t thread() const { return static_cast<std::uint32_t>(bits >> (kTimeBits + 1)); }
  Time time() const { return bits >> 1 & ((Time{1} << kTimeBits) - 1); }
  bool wrote() const { return bits & 1; }
};

/// A word of 4 bytes: the last plain write, the first and the last of the reads and atomic accesses that have no order among
/// them.
struct Cell {
  enum Slot { write, read, last_read, atomic, last_atomic, kSlots };
  Stamp stamps[kSlots];
  std::uint32_t bytes = 0;  // which of the word, 4 bits a slot; then those that were written at all
  std::uint32_t owner = 0;  // of shared memory: the block; what another left is nothing

  std::uint32_t mask(int slot) const { return bytes >> (4 * slot) & 15; }
  void put(int slot, Stamp stamp, std::uint32_t mask) {
    stamps[slot] = stamp;
    bytes = (bytes & ~(15u << (4 * slot))) | mask << (4 * slot);
  }
  std::uint32_t written() const { return mask(kSlots); }
  void set_written(std::uint32_t mask) { bytes |= mask << (4 * kSlots); }
};

/// What somebody knows to be over: of each block all before a time, and of single threads more.
struct Clock {
  std::vector<Time> blocks;
  std::vector<std::pair<std::uint32_t, Time>> threads;  // rising

  void know_block(std::size_t block, Time before) {
    if (blocks.size() <= block) blocks.resize(block + 1);
    blocks[block] = std::max(blocks[block], before);
  }
  void know_thread(std::uint32_t thread, Time before) {
    const auto at = std::lower_bound(threads.begin(), threads.end(), std::pair(thread, Time{0}));
    if (at == threads.end() || at->first != thread)
      threads.insert(at, {thread, before});
    else
      at->second = std::max(at->second, before);
  }
  void join(const Clock& other) {
    if (blocks.size() < other.blocks.size()) blocks.resize(other.blocks.size());
    for (std::size_t b = 0; b < other.blocks.size(); ++b) blocks[b] = std::max(blocks[b], other.blocks[b]);
    if (other.threads.size() < 4) {
      for (const auto& [thread, before] : other.threads) know_thread(thread, before);
      return;
    }
    std::vector<std::pair<std::uint32_t, Time>> both;
    both.reserve(threads.size() + other.threads.size());
    std::merge(threads.begin(), threads.end(), other.threads.begin(), other.threads.end(), std::back_inserter(both));
    threads.clear();
    for (const auto& one : both)  // of two that name one thread the later comes second
      if (!threads.empty() && threads.back().first == one.first)
        threads.back() = one;
      else
        threads.push_back(one);
  }
  bool knows(std::uint32_t thread, std::size_t block, Time time) const {
    if (block < blocks.size() && time < blocks[block]) return true;
    const auto at = std::lower_bound(threads.begin(), threads.end(), std::pair(thread, Time{0}));
    return at != threads.end() && at->first == thread && time < at->second;
  }
};
using KnownClock = std::shared_ptr<const Clock>;

inline KnownClock joined(const KnownClock& a, const KnownClock& b) {
  if (!a || a == b) return b;
  if (!b) return a;
  auto both = std::make_shared<Clock>(*a);
  both->join(*b);
  return both;
}

}  // namespace ak::loop
