// Scratch memory per stream, found without a lock. Launches on one stream are ordered, so they share one buffer; a captured
// graph holds the buffer of the stream it was captured on, so graphs that share scratch must not run beside each other.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "ak/types.hpp"
#include "gpu/owners.hpp"

namespace ak {

class Workspaces {
 public:
  static constexpr std::int64_t kDefaultCap = std::int64_t{2} << 30;

  explicit Workspaces(CUcontext context, std::int64_t cap_bytes = kDefaultCap);
  ~Workspaces();

  /// At least `bytes` of device memory for work on the stream: kCounterBytes of counters, zeroed when it was allocated, then
  /// scratch. A probe of a few ns when the stream has enough already; else it allocates, which is legal during capture. Throws
  /// Error{out_of_memory} that names the sizes.
  void* get(Stream stream, std::int64_t bytes);

  /// Bytes held by all streams together, smaller buffers that were outgrown included: graphs may still use them.
  std::int64_t held_bytes() const { return held_.load(std::memory_order_relaxed); }
  void set_cap(std::int64_t bytes) { cap_.store(bytes, std::memory_order_relaxed); }

 private:
  struct Block {
    Buffer buffer;
  };
  struct Slot {
    std::atomic<std::uint64_t> key{0};  // of the stream; 0: empty
    std::atomic<const Block*> block{nullptr};
  };
  struct Slots {
    explicit Slots(std::size_t count) : mask(count - 1), slots(new Slot[count]) {}
    Slot& probe(std::uint64_t key) const;        // its slot, or the empty one where it belongs; of writers
    const Block* find(std::uint64_t key) const;  // null when there is none
    std::size_t mask;
    std::unique_ptr<Slot[]> slots;
  };

  void* grow(std::uint64_t key, std::int64_t bytes);

  CUcontext context_;
  std::atomic<std::int64_t> cap_, held_{0};
  std::atomic<const Slots*> current_;
  std::mutex mutex_;                               // of what follows, and of every write above
  std::vector<std::unique_ptr<Slots>> all_slots_;  // outgrown ones too: a reader may still be in one
  std::vector<std::unique_ptr<Block>> blocks_;
  std::size_t streams_ = 0;
  OwnedStream stream_;
};

}  // namespace ak
