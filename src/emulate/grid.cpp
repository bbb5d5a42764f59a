#include "emulate/grid.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <numeric>
#include <random>

#include "ak/types.hpp"
#include "emulate/signals.hpp"

namespace ak::loop {

template <class T>
SparseArray<T>::SparseArray(std::size_t size) : size_(size) {
  void* const at = ::mmap(nullptr, std::max<std::size_t>(size * sizeof(T), 1), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<T*>(at);
}

template <class T>
SparseArray<T>::~SparseArray() {
  if (data_) ::munmap(data_, std::max<std::size_t>(size_ * sizeof(T), 1));
}

namespace {

constexpr unsigned char kPoison = 0xff;             // NaN, -1
constexpr std::uint32_t kWindow = 16;               // blocks whose order is changed
constexpr std::int64_t kMostThreads = 31 << 10;     // that wait at once: a process has so many mappings, and each stack is two
constexpr int kIdleRounds = 64;                     // in which every block only waited: nobody will do anything any more
constexpr Time kLate = Time{1} << (kTimeBits - 1);  // the shadow is made anew before a run whose times would be later

Error refused(const std::string& why) { return Error(ErrorCode::invalid_argument, why); }

struct ArgumentValues {  // of the arguments, and pointers to them
  std::vector<std::uint64_t> bits;
  std::vector<void*> pointers;
};

ArgumentValues values_of(const EmulateMessage& message, const ak_emulated::Kernel& kernel, unsigned char* memory) {
  const auto& arguments = message.request.arguments;
  if (std::cmp_not_equal(arguments.size(), kernel.parameters))
    throw refused(fmt::format("kernel '{}' takes {} arguments, not {}", kernel.name, kernel.parameters, arguments.size()));
  ArgumentValues values;
  values.bits.resize(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const EmulatedArgument& argument = arguments[i];
    const bool pointer = argument.buffer >= 0;
    if (pointer != (kernel.pointers[i] != 0) || (!pointer && kernel.bytes[i] != size_of(argument.type)))
      throw refused(fmt::format("argument {} of kernel '{}' is a {} of {} bytes, not a {}", i + 1, kernel.name,
                                kernel.pointers[i] ? "pointer" : "scalar", kernel.bytes[i],
                                pointer ? "pointer" : c_name(argument.type)));
    if (pointer) {
      if (std::cmp_greater_equal(argument.buffer, message.buffers.size()))
        throw refused(fmt::format("argument {}: there is no such buffer", i + 1));
      const Placed& buffer = message.buffers[static_cast<std::size_t>(argument.buffer)];
      values.bits[i] = reinterpret_cast<std::uintptr_t>(memory) +
                       static_cast<std::uint64_t>(buffer.offset + argument.offset * size_of(buffer.type));
    } else if (argument.type == ScalarType::f32) {
      values.bits[i] = std::bit_cast<std::uint32_t>(static_cast<float>(argument.real));
    } else if (argument.type == ScalarType::f64) {
      values.bits[i] = std::bit_cast<std::uint64_t>(argument.real);
    } else {
      values.bits[i] = static_cast<std::uint64_t>(argument.integer);
    }
  }
  for (std::uint64_t& bits : values.bits) values.pointers.push_back(&bits);
  values.pointers.push_back(nullptr);
  return values;
}

}  // namespace

Grid* Grid::running_ = nullptr;

const ak_emulated::Table Grid::kTable = {
    [](const void* at, unsigned bytes, unsigned how) { running_->access(reinterpret_cast<std::uintptr_t>(at), bytes, how); },
    [](const void* at, unsigned bytes, unsigned how) { running_->atomic(reinterpret_cast<std::uintptr_t>(at), bytes, how); },
    [](int predicate, int line) { return running_->block_barrier(predicate, line); },
    [](unsigned mask, int line) { running_->warp_op(WarpOp::barrier, mask, 0, 0, line); },
    [](unsigned mask, unsigned long long value, int source, int line) -> unsigned long long {
      return running_->warp_op(WarpOp::exchange, mask, value, source, line);
    },
    [](unsigned mask, int predicate, int line) {
      return static_cast<unsigned>(running_->warp_op(WarpOp::ballot, mask, static_cast<std::uint64_t>(predicate), 0, line));
    },
    [](int block_only) { running_->fence(block_only != 0); },
    [] { running_->pause(); },
    [] { running_->thread_->base = running_->base_; },
    [](int line) {
      Fault fault = running_->fault(FaultKind::trap);
      fault.line = line;
      running_->stop(std::move(fault));
    },
    [] { running_->stop(running_->fault(FaultKind::steps)); },
    [](const char* type, unsigned long long index, int line) {
      Fault fault = running_->fault(FaultKind::out_of_bounds);
      fault.array = type, fault.element = static_cast<std::int64_t>(index), fault.line = line;
      fault.text = fmt::format("index {} of {}", fault.element, type);
      running_->stop(std::move(fault));
    },
    [](void* to, const void* from, unsigned long bytes) {
      running_->access_range(reinterpret_cast<std::uintptr_t>(from), bytes, ak_emulated::kRead);
      running_->access_range(reinterpret_cast<std::uintptr_t>(to), bytes, ak_emulated::kWrite);
      std::memmove(to, from, bytes);
    },
    [](void* to, int value, unsigned long bytes) {
      running_->access_range(reinterpret_cast<std::uintptr_t>(to), bytes, ak_emulated::kWrite);
      std::memset(to, value, bytes);
    },
    [](const void* at, unsigned long bytes, unsigned how) {
      running_->access_range(reinterpret_cast<std::uintptr_t>(at), bytes, how);
    },
    [](const void* at, unsigned long long alignment, int line) {
      const auto address = reinterpret_cast<std::uintptr_t>(at);
      if (address == 0) running_->outside(address, 1, false);
      Fault fault = running_->fault(FaultKind::misaligned);
      fault.line = line;
      if (const auto location = running_->locate(address, 1)) {
        const Named what = running_->named(address, static_cast<unsigned>(alignment), *location);
        fault.array = what.array, fault.element = what.element;
      }
      fault.text = fmt::format("an access that needs an address divisible by {}", alignment);
      running_->stop(std::move(fault));
    },
};

Grid::Grid(const KernelObject& object) : object_(object) {
  *object.object().table = &kTable;
  for (const SharedArray& array : object.shared()) {
    cell_begin_.push_back(block_cells_);
    const std::size_t bytes = &array == &object.shared().back() ? std::size_t{ak_emulated::kMostSharedBytes} : array.bytes;
    std::memset(reinterpret_cast<void*>(array.begin), kPoison, bytes);
    block_cells_ += bytes / 4 + 2;
  }
}

Grid::~Grid() { running_ = nullptr; }

// --- a run ---------------------------------------------------------------------------------------------------------------

Emulation Grid::run(const EmulateMessage& message, unsigned char* memory) {
  running_ = this;
  message_ = &message, memory_ = memory;
  memory_begin_ = reinterpret_cast<std::uintptr_t>(memory), memory_bytes_ = static_cast<std::uintptr_t>(message.shared_bytes);
  granules_.assign((memory_bytes_ >> 16) + 1, -1);
  for (std::size_t b = 0; b < message.buffers.size(); ++b) {
    const Placed& buffer = message.buffers[b];
    const auto bytes = static_cast<std::uint64_t>(buffer.elements) * static_cast<std::uint64_t>(size_of(buffer.type));
    if (buffer.offset < 0 || buffer.offset % (1 << 16) || static_cast<std::uint64_t>(buffer.offset) + bytes > memory_bytes_)
      throw refused(fmt::format("buffer '{}' lies outside of the memory", buffer.name));
    for (auto granule = static_cast<std::uint64_t>(buffer.offset) >> 16;
         granule <= (static_cast<std::uint64_t>(buffer.offset) + bytes) >> 16; ++granule)
      granules_[granule] = static_cast<std::int16_t>(b);
  }
  if (cells_.size() < memory_bytes_ / 4 || next_base_ > kLate) {
    cells_ = SparseArray<Cell>(memory_bytes_ / 4);
    pool_.clear();
    next_base_ = kEpoch;
  }
  sync_.clear();
  result_ = {};
  stopped_ = false;
  random_ = message.request.seed;
  *object_.object().steps = message.request.steps;

  const Signals signals(&Grid::crashed, &Grid::ticked);

  previous_base_ = next_base_;
  for (const EmulatedLaunch& one : message.request.launches) {
    if (stopped_) break;
    if (one.blocks > 0) launch(one);
  }
  result_.steps = message.request.steps - *object_.object().steps;
  return std::move(result_);
}

void Grid::launch(const EmulatedLaunch& launch) {
  launch_ = &launch;
  kernel_ = object_.find(launch.kernel);
  if (!kernel_) throw refused(fmt::format("the text has no kernel '{}'", launch.kernel));
  if (launch.threads < 1 || launch.threads > 1024)
    throw refused(fmt::format("kernel '{}': a block of {} threads", launch.kernel, launch.threads));
  if (launch.shared_bytes < 0 || launch.shared_bytes > ak_emulated::kMostSharedBytes)
    throw refused(fmt::format("kernel '{}': {} bytes of shared memory", launch.kernel, launch.shared_bytes));
  thread_bits_ = std::bit_width(static_cast<unsigned>(launch.threads - 1));
  if (launch.blocks << thread_bits_ > std::int64_t{1} << 24)
    throw refused(fmt::format("kernel '{}': {} blocks are more than the emulator takes", launch.kernel, launch.blocks));
  ArgumentValues values = values_of(*message_, *kernel_, memory_);
  arguments_ = values.pointers.data();
  base_ = next_base_, last_epoch_ = base_;
  if (!launch.dependent) previous_base_ = base_;
  ak_emulated::Here& here = *object_.object().here;
  here = {{0, 0, 0}, {0, 0, 0}, {static_cast<unsigned>(launch.threads), 1, 1}, {static_cast<unsigned>(launch.blocks), 1, 1}};

  // Blocks begin in order, as on a GPU, each when those before it wait and there is room; within a window the order changes.
  const auto blocks = static_cast<std::uint32_t>(launch.blocks);
  std::vector<Block*> live;
  std::uint32_t begun = 0;
  std::uint64_t progress = progress_;
  int idle = 0;
  while (!stopped_ && (begun < blocks || !live.empty())) {
    for (std::size_t i = 0; i < live.size() && !stopped_;) {
      if (turn(*live[i])) {
        end_block(*live[i]);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    if (stopped_) break;
    const bool room = std::cmp_less(live.size(), message_->request.resident_blocks) &&
                      std::ssize(live) * launch.threads <= kMostThreads - launch.threads;
    if (begun < blocks && room) {
      Block* const block = begin_block(block_at(begun++));
      if (turn(*block))
        end_block(*block);
      else
        live.push_back(block);
      idle = 0;
    } else if (progress == progress_) {
      if (++idle > kIdleRounds && !live.empty()) {
        block_ = live.front();
        report_stuck(*block_);
      }
    } else {
      idle = 0;
    }
    progress = progress_;
  }
  for (Block* const block : live) end_block(*block);
  stacks_.give_back_all();
  previous_base_ = base_;
  next_base_ = last_epoch_ + kEpoch;
}

std::uint32_t Grid::block_at(std::uint32_t turn) const {
  const auto blocks = static_cast<std::uint32_t>(launch_->blocks);
  const std::uint32_t window = std::min(kWindow, static_cast<std::uint32_t>(std::max(1, message_->request.resident_blocks)));
  const std::uint32_t first = turn / window * window, count = std::min(window, blocks - first);
  const std::uint32_t place = turn - first;
  if (message_->request.order == ThreadOrder::reverse) return first + count - 1 - place;
  if (message_->request.order == ThreadOrder::forward) return turn;
  std::uint32_t order[kWindow];
  std::iota(order, order + count, first);
  std::mt19937_64 random(message_->request.seed * 1000003 + first);
  for (std::uint32_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order[place];
}

Grid::Block* Grid::begin_block(std::uint32_t index) {
  std::unique_ptr<Block> block;
  if (pool_.empty()) {
    block = std::make_unique<Block>();
    block->cells = SparseArray<Cell>(block_cells_);
  } else {
    block = std::move(pool_.back());
    pool_.pop_back();
  }
  const auto threads = static_cast<std::size_t>(launch_->threads);
  block->index = index, block->serial = ++serial_;
  block->epoch = base_;
  block->known = nullptr;
  block->done = block->at_barrier = block->predicates = 0;
  block->warp_known.clear();
  block->touched.assign(object_.shared().size(), false);
  block->saved.clear();
  block->threads.resize(threads);
  block->warps.assign((threads + kWarp - 1) / kWarp, {});
  const Time first = launch_->dependent ? previous_base_ : base_;
  for (std::size_t t = 0; t < threads; ++t) {
    Thread& thread = block->threads[t];
    thread.index = static_cast<int>(t);
    thread.stack = -1, thread.state = State::fresh;
    thread.time = base_, thread.base = first;
    thread.known = nullptr, thread.pending = nullptr;
    thread.fenced = 0;
    thread.polled = 0, thread.polls = 0;
  }
  if (block->order.size() != threads || message_->request.order == ThreadOrder::shuffled) {
    block->order.resize(threads);
    std::iota(block->order.begin(), block->order.end(), 0);
  }
  if (message_->request.order == ThreadOrder::shuffled) {
    std::mt19937_64 random(message_->request.seed * 7919 + index);
    for (std::size_t i = threads; i > 1; --i) std::swap(block->order[i - 1], block->order[random() % i]);
  } else if ((message_->request.order == ThreadOrder::reverse) != (threads > 1 && block->order[0] > block->order[1])) {
    std::iota(block->order.begin(), block->order.end(), 0);
    if (message_->request.order == ThreadOrder::reverse) std::reverse(block->order.begin(), block->order.end());
  }
  return block.release();
}

void Grid::end_block(Block& block) {
  for (Thread& thread : block.threads)
    if (thread.stack >= 0) stacks_.give_back(std::exchange(thread.stack, -1));
  last_epoch_ = std::max(last_epoch_, block.epoch);
  if (block_ == &block) {
    // Nobody is to find what it left.
    for (std::size_t a = 0; a < block.touched.size(); ++a)
      if (block.touched[a]) {
        const SharedArray& array = object_.shared()[a];
        const bool dynamic = a + 1 == block.touched.size();
        std::memset(reinterpret_cast<void*>(array.begin), kPoison,
                    dynamic ? static_cast<std::size_t>(launch_->shared_bytes) : array.bytes);
      }
    block_ = nullptr;
  }
  pool_.emplace_back(&block);
}

void Grid::bring_in(Block& block) {
  if (block_ == &block) return;
  const auto bytes_of = [&](std::size_t a) {
    return a + 1 == block.touched.size() ? static_cast<std::size_t>(launch_->shared_bytes) : object_.shared()[a].bytes;
  };
  if (block_) {
    block_->saved.resize(block_->touched.size());
    for (std::size_t a = 0; a < block_->touched.size(); ++a)
      if (block_->touched[a]) {
        auto* const at = reinterpret_cast<unsigned char*>(object_.shared()[a].begin);
        block_->saved[a].assign(at, at + bytes_of(a));
        std::memset(at, kPoison, bytes_of(a));
      }
  }
  for (std::size_t a = 0; a < block.saved.size(); ++a)
    if (!block.saved[a].empty())
      std::memcpy(reinterpret_cast<void*>(object_.shared()[a].begin), block.saved[a].data(), block.saved[a].size());
  block_ = &block;
}

bool Grid::turn(Block& block) {
  bring_in(block);
  const int threads = static_cast<int>(block.threads.size());
  for (Thread& thread : block.threads)
    if (thread.state == State::pausing) thread.state = State::ready;
  for (;;) {
    bool ran = false, waits = false;
    for (const int t : block.order) {
      Thread& thread = block.threads[static_cast<std::size_t>(t)];
      if (thread.state <= State::ready) {
        resume(block, thread);
        if (stopped_) return false;
        ran = true;
      }
    }
    if (block.done == threads) return true;
    if (block.at_barrier > 0 && block.at_barrier + block.done == threads) {
      if (!release_barrier(block)) return false;
      continue;
    }
    if (ran)
      for (const Thread& thread : block.threads)
        if (thread.state == State::ready) waits = true;  // another thread of its warp made it ready
    if (waits) continue;
    for (const Thread& thread : block.threads) waits |= thread.state == State::pausing;
    if (waits) return false;
    report_stuck(block);
    return false;
  }
}

void Grid::fiber_main() {
  Grid& grid = *running_;
  grid.kernel_->call(grid.arguments_);
  grid.leave(State::done);
}

void Grid::resume(Block& block, Thread& thread) {
  if (thread.state == State::fresh) {
    thread.stack = stacks_.take();
    thread.context = stacks_.start(thread.stack, &Grid::fiber_main);
  }
  ak_emulated::Here& here = *object_.object().here;
  here.thread.x = static_cast<unsigned>(thread.index), here.block.x = block.index;
  thread_ = &thread;
  change_context(scheduler_, thread.context);
  thread_ = nullptr;
  if (stopped_) return;
  if (thread.state == State::done) {
    stacks_.give_back(std::exchange(thread.stack, -1));
    ++block.done, ++progress_;
    // Those of its warp that waited for it do so no longer.
    const int first = thread.index / kWarp * kWarp;
    block.warps[static_cast<std::size_t>(thread.index / kWarp)].done |= 1u << thread.index % kWarp;
    for (int t = first; t < std::min(first + kWarp, static_cast<int>(block.threads.size())); ++t)
      if (Thread& other = block.threads[static_cast<std::size_t>(t)]; other.state == State::warp)
        complete_warp_op(block, other);
  }
}

void Grid::leave(State state) {
  thread_->state = state;
  change_context(thread_->context, scheduler_);
}

}  // namespace ak::loop
