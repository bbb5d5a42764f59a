// Runs the launches of one request: blocks in turn, their threads as fibers, every access checked against the shadow.
#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "emulate/emulate_messages.hpp"
#include "emulate/fiber.hpp"
#include "emulate/kernel_object.hpp"
#include "emulate/shadow.hpp"

namespace ak::loop {

constexpr int kWarp = 32;

/// Memory of one kind, zero until it is written, of which only pages that are used take any.
template <class T>
class SparseArray {
 public:
  SparseArray() = default;
  explicit SparseArray(std::size_t size);
  ~SparseArray();
  SparseArray(SparseArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SparseArray& operator=(SparseArray&& other) noexcept {
    std::swap(data_, other.data_), std::swap(size_, other.size_);
    return *this;
  }
  T& operator[](std::size_t i) { return data_[i]; }
  std::size_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

class Grid {
 public:
  explicit Grid(const KernelObject& object);
  ~Grid();
  Grid(const Grid&) = delete;
  Grid& operator=(const Grid&) = delete;

  /// Throws Error{invalid_argument} where arguments, launches and kernels do not fit.
  Emulation run(const EmulateMessage& message, unsigned char* memory);

 private:
  enum class State : std::uint8_t { fresh, ready, barrier, warp, pausing, done };
  enum class WarpOp : std::uint8_t { barrier, exchange, ballot };

  struct Thread {
    int index = 0, stack = -1;
    State state = State::fresh;
    Context context = nullptr;
    Time time = 0, base = 0;  // base: all before it is over
    int line = 0;             // where it waits
    // its part in what a warp does
    WarpOp op = WarpOp::barrier;
    unsigned mask = 0;
    std::uint64_t value = 0, result = 0;
    int source = 0;
    // order with threads elsewhere
    KnownClock known, pending;  // acquired; read, and acquired at the next fence
    Time fenced = 0;            // when it last passed a fence; 0: never
    bool fenced_for_block = false;
    std::uintptr_t polled = 0;  // what it read last and found unchanged
    std::uint64_t polled_value = 0;
    int polls = 0;
  };

  struct Warp {
    unsigned waiting = 0, done = 0;  // lanes
    bool alike = false;              // those that wait do so at one place, with one mask
  };

  struct Block {
    std::uint32_t index = 0, serial = 0;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<int> order;
    Time epoch = 0;
    KnownClock known;
    int done = 0, at_barrier = 0, predicates = 0, barrier_result = 0;
    std::vector<Time> warp_known;  // [thread][lane of its warp]: what it knows of that lane by barriers of the warp
    std::vector<bool> touched;     // shared arrays
    std::vector<std::vector<unsigned char>> saved;  // their contents while another block runs
    SparseArray<Cell> cells;
  };

  struct SyncPoint {
    KnownClock clock;
    std::int64_t only_block = -1;  // who may acquire; -1: all
  };

  struct Location {  // of an address
    int array = -1;  // index into buffers_, or into the object's shared arrays
    bool shared = false;
    std::uintptr_t begin = 0, bytes = 0;
  };

  // What kernels call; each acts for the thread that runs.
  static Grid* running_;
  static const ak_emulated::Table kTable;
  static void fiber_main();
  static void crashed(int signal);
  static void ticked(int, siginfo_t*, void* context);
  void access(std::uintptr_t address, unsigned bytes, unsigned how);
  void access_range(std::uintptr_t address, std::uint64_t bytes, unsigned how);
  void atomic(std::uintptr_t address, unsigned bytes, unsigned how);
  int block_barrier(int predicate, int line);
  std::uint64_t warp_op(WarpOp op, unsigned mask, std::uint64_t value, int source, int line);
  void fence(bool block_only);
  void pause();

  // scheduling
  void launch(const EmulatedLaunch& launch);
  Block* begin_block(std::uint32_t index);
  void end_block(Block& block);
  bool turn(Block& block);  // true: it has ended; false: it waits, or all has stopped
  void bring_in(Block& block);
  void resume(Block& block, Thread& thread);
  void leave(State state);  // back to the scheduler
  bool release_barrier(Block& block);
  bool complete_warp_op(Block& block, Thread& thread);
  void report_stuck(Block& block);
  std::uint32_t block_at(std::uint32_t turn) const;

  // shadow
  std::optional<Location> locate(std::uintptr_t address, unsigned bytes);
  bool ordered(Stamp stamp) const;
  void touch(Cell& cell, unsigned mask, bool write, bool atomic, std::uintptr_t word, unsigned bytes, const Location& location);
  void watch(std::uintptr_t address, unsigned bytes, bool write, bool atomic, const Location& location);
  void acquire(std::uintptr_t key, bool now);
  void release(std::uintptr_t key, bool now, bool update);
  std::uint32_t global_thread(const Block& block, int thread) const {
    return block.index << thread_bits_ | static_cast<std::uint32_t>(thread);
  }

  // findings
  struct Named {
    std::string array;
    std::int64_t element;
  };
  Named named(std::uintptr_t address, unsigned bytes, const Location& location) const;
  Fault fault(FaultKind kind) const;
  void add(Fault fault);
  [[noreturn]] void stop(Fault fault);
  [[noreturn]] void outside(std::uintptr_t address, unsigned bytes, bool write);
  void race(Stamp earlier, ThreadPlace::Access earlier_access, bool write, bool atomic, std::uintptr_t address, unsigned bytes,
            const Location& location);

  const KernelObject& object_;
  Stacks stacks_;
  std::vector<std::size_t> cell_begin_;  // of each shared array, in a block's cells
  std::size_t block_cells_ = 0;
  std::vector<std::unique_ptr<Block>> pool_;

  // of the run
  const EmulateMessage* message_ = nullptr;
  unsigned char* memory_ = nullptr;
  std::uintptr_t memory_begin_ = 0, memory_bytes_ = 0;
  std::vector<std::int16_t> granules_;  // buffer at each 64 KiB of the memory, -1: none
  SparseArray<Cell> cells_;
  Time next_base_ = kEpoch;
  std::unordered_map<std::uintptr_t, SyncPoint> sync_;
  Emulation result_;
  bool stopped_ = false;

  // of the launch
  const EmulatedLaunch* launch_ = nullptr;
  const ak_emulated::Kernel* kernel_ = nullptr;
  void** arguments_ = nullptr;
  Time base_ = 0, previous_base_ = 0;
  int thread_bits_ = 0;
  std::uint32_t serial_ = 0;
  Time last_epoch_ = 0;
  std::uint64_t progress_ = 0;
  std::uint64_t random_ = 1;  // of the run's seed
  std::int64_t steps_at_tick_ = 0;

  Context scheduler_ = nullptr;
  Block* block_ = nullptr;    // whose shared memory is in place
  Thread* thread_ = nullptr;  // that runs
};

}  // namespace ak::loop
