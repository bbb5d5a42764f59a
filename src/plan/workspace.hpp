// Scratch memory for launches, found without a lock or an allocation. Launches on one stream are ordered, so a stream keeps one
// block for itself. Streams beyond half of the cap share the other half: such a launch waits, on the GPU, for the block's last
// user. A capture has blocks of its own, one for each of its streams, which come back when its graph, and all that was made of
// it, is gone: graphs may run at once, wherever they were captured. Memory of a caller's allocator is of one stream, or of one
// capture, and goes back to it when that has outgrown it, or where there is no more and its stream is idle.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "ak/types.hpp"
#include "gpu/owners.hpp"

namespace ak {

class Workspaces {
  struct Block;

 public:
  static constexpr std::int64_t kDefaultCap = std::int64_t{2} << 30;

  /// How graphs that were captured on one stream are replayed.
  enum class Graphs { at_once, in_turn };

  explicit Workspaces(CUcontext context, std::int64_t cap_bytes = kDefaultCap, Graphs graphs = Graphs::at_once,
                      const ScratchAllocator& allocator = {});
  ~Workspaces();

  /// A block for work on a stream, from before that work is enqueued until after.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : block_(std::exchange(other.block_, nullptr)), stream_(other.stream_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(block_, other.block_), std::swap(stream_, other.stream_);
      return *this;
    }
    ~Lease() {
      if (block_) release();
    }
    explicit operator bool() const { return block_ != nullptr; }
    void* data() const;

   private:
    friend Workspaces;
    Lease(Block* block, Stream stream) : block_(block), stream_(stream) {}
    void release() const;
    Block* block_ = nullptr;
    Stream stream_ = nullptr;
  };

  /// At least `bytes` of device memory: kCounterBytes of counters, zeroed when it was allocated and left zero by every kernel,
  /// then scratch. Empty when there is none: whoever launches needs a way without. A stream's own block costs two questions to
  /// the driver (30 ns), a probe and a count; a shared one also a GPU-side wait and an event (1 to 2 us). The first use, or a
  /// larger one, allocates, which is legal during capture.
  Lease acquire(Stream stream, std::int64_t bytes);

  /// Bytes held by all streams and graphs together; never more than the cap.
  /// Of a caller's allocator: ends when its last owner lets go, but for what graphs hold, which is given back by a later use of
  /// any such memory in this process, when the graphs are gone. Launches have been enqueued.
  static std::shared_ptr<Workspaces> of_caller(CUcontext context, std::int64_t cap_bytes, const ScratchAllocator& allocator);

  std::int64_t held_bytes() const { return held_.load(std::memory_order_relaxed); }
  void set_cap(std::int64_t bytes);

 private:
  struct Slot {
    std::atomic<std::uint64_t> key{0};  // of the stream; 0: empty
    std::atomic<Block*> block{nullptr};
  };
  struct Slots {
    explicit Slots(std::size_t count) : mask(count - 1), slots(new Slot[count]) {}
    Slot& probe(std::uint64_t key) const;  // its slot, or the empty one where it belongs; of writers
    Slot* find(std::uint64_t key) const;   // null when there is none
    std::size_t mask;
    std::unique_ptr<Slot[]> slots;
  };

  struct Capture {
    CUgraph graph = nullptr;  // null: the stream does not capture
    std::uint64_t id = 0;     // no later capture gets it
    std::uint64_t stream = 0;
  };
  static std::uint64_t key_of(Stream stream, Capture& capture);
  void hold(Block& block, CUgraph graph);

  Block* captured(const Capture& capture, Stream stream, std::int64_t bytes);
  bool refused(std::int64_t bytes);
  Block* share(std::uint64_t key, Stream stream, std::int64_t bytes);
  Block* grow(std::uint64_t key, Stream stream, std::int64_t bytes);
  Block* make(std::int64_t size, bool shared, Stream stream);
  bool lend(Block& block, Stream stream);
  void empty(Block& block);
  void give_back_unused();
  bool end();
  void keep(Block* block, std::uint64_t key, const Slots* slots);
  bool offer(Block* block, std::uint64_t key, Stream stream);
  bool make_room(std::int64_t size, std::int64_t cap, const Block* but);
  bool give_back(std::int64_t wanted);
  bool give_back_idle(std::int64_t wanted, const Block* but);

  const CUcontext context_;
  const Graphs replayed_;
  const ScratchAllocator allocator_;                      // the caller's; null: the driver
  std::atomic<std::int64_t> cap_, held_{0}, refused_{0};  // refused_: the least that was not to be had lately; 0: none
  std::atomic<int> refusals_{0};
  std::atomic<std::uint64_t> round_{0};  // how often the caller's memory was to be given back by idle streams
  std::atomic<const Slots*> current_;
  std::atomic<Block*> pool_{nullptr};              // shared blocks; a list that only grows
  std::mutex mutex_;                               // of what follows, and of every write above
  std::vector<std::unique_ptr<Slots>> all_slots_;  // outgrown ones too: a reader may still be in one
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Block*> graphs_;  // blocks of captures and of graphs; newest last
  std::vector<Block*>
      outgrown_;          // the caller's, of streams that have a larger one, while a thread may still be about to use them
  std::int64_t own_ = 0;  // bytes of blocks that streams keep
  std::size_t streams_ = 0;
  OwnedStream stream_;
};

}  // namespace ak
