#include "emulate/grid.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <numeric>
#include <random>

#include "ak/types.hpp"

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

constexpr int kWarp = 32;
constexpr unsigned char kPoison = 0xff;             // NaN, -1
constexpr std::uint32_t kWindow = 16;               // blocks whose order is changed
constexpr std::int64_t kMostThreads = 31 << 10;     // that wait at once: a process has so many mappings, and each stack is two
constexpr int kIdleRounds = 64;                     // in which every block only waited: nobody will do anything any more
constexpr Time kLate = Time{1} << (kTimeBits - 1);  // the shadow is made anew before a run whose times would be later
constexpr Time kLatest = (Time{1} << kTimeBits) - 4 * kEpoch;

// A point of order of the thread's own. Where there are too many in one epoch the last ones are one.
Time advance(Time& time) {
  if ((time + 1) % kEpoch) ++time;
  return time;
}

Grid* running = nullptr;

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

// While it lives: what a kernel does that ends a process, and a tick of the processor time that it takes.
class Signals {
 public:
  Signals(void (*crashed)(int), void (*ticked)(int, siginfo_t*, void*)) {
    static char stack[64 << 10];  // the kernel's own may be what overflowed
    stack_t alternate{};
    alternate.ss_sp = stack, alternate.ss_size = sizeof stack;
    ::sigaltstack(&alternate, nullptr);
    struct sigaction action {};
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    action.sa_handler = crashed;
    for (int i = 0; i < kCrashes; ++i) ::sigaction(kSignals[i], &action, &before_[i]);
    action.sa_flags |= SA_SIGINFO | SA_RESTART;
    action.sa_sigaction = ticked;
    ::sigaction(SIGVTALRM, &action, &before_[kCrashes]);
    const itimerval tick{{0, 100'000}, {0, 100'000}};
    ::setitimer(ITIMER_VIRTUAL, &tick, nullptr);
  }
  ~Signals() {
    const itimerval never{};
    ::setitimer(ITIMER_VIRTUAL, &never, nullptr);
    for (int i = 0; i <= kCrashes; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  static constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGVTALRM};
  static constexpr int kCrashes = 4;
  struct sigaction before_[kCrashes + 1];
};

// Where the signal found the processor; 0: not known here.
std::uintptr_t interrupted_at(void* context) {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.pc);
#else
  return static_cast<void>(context), 0;
#endif
}

}  // namespace

const ak_emulated::Table Grid::kTable = {
    [](const void* at, unsigned bytes, unsigned how) { running->access(reinterpret_cast<std::uintptr_t>(at), bytes, how); },
    [](const void* at, unsigned bytes, unsigned how) { running->atomic(reinterpret_cast<std::uintptr_t>(at), bytes, how); },
    [](int predicate, int line) { return running->block_barrier(predicate, line); },
    [](unsigned mask, int line) { running->warp_op(WarpOp::barrier, mask, 0, 0, line); },
    [](unsigned mask, unsigned long long value, int source, int line) -> unsigned long long {
      return running->warp_op(WarpOp::exchange, mask, value, source, line);
    },
    [](unsigned mask, int predicate, int line) {
      return static_cast<unsigned>(running->warp_op(WarpOp::ballot, mask, static_cast<std::uint64_t>(predicate), 0, line));
    },
    [](int block_only) { running->fence(block_only != 0); },
    [] { running->pause(); },
    [] { running->thread_->base = running->base_; },
    [](int line) {
      Fault fault = running->fault(FaultKind::trap);
      fault.line = line;
      running->stop(std::move(fault));
    },
    [] { running->stop(running->fault(FaultKind::steps)); },
    [](const char* type, unsigned long long index, int line) {
      Fault fault = running->fault(FaultKind::out_of_bounds);
      fault.array = type, fault.element = static_cast<std::int64_t>(index), fault.line = line;
      fault.text = fmt::format("index {} of {}", fault.element, type);
      running->stop(std::move(fault));
    },
    [](void* to, const void* from, unsigned long bytes) {
      running->access(reinterpret_cast<std::uintptr_t>(from), static_cast<unsigned>(bytes), ak_emulated::kRead);
      running->access(reinterpret_cast<std::uintptr_t>(to), static_cast<unsigned>(bytes), ak_emulated::kWrite);
      std::memmove(to, from, bytes);
    },
    [](void* to, int value, unsigned long bytes) {
      running->access(reinterpret_cast<std::uintptr_t>(to), static_cast<unsigned>(bytes), ak_emulated::kWrite);
      std::memset(to, value, bytes);
    },
    [](const void* at, unsigned long long alignment, int line) {
      const auto address = reinterpret_cast<std::uintptr_t>(at);
      if (address == 0) running->outside(address, 1, false);
      Fault fault = running->fault(FaultKind::misaligned);
      fault.line = line;
      if (const auto location = running->locate(address, 1)) {
        const Named what = running->named(address, static_cast<unsigned>(alignment), *location);
        fault.array = what.array, fault.element = what.element;
      }
      fault.text = fmt::format("an access that needs an address divisible by {}", alignment);
      running->stop(std::move(fault));
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

Grid::~Grid() { running = nullptr; }

// --- a run ---------------------------------------------------------------------------------------------------------------

Emulation Grid::run(const EmulateMessage& message, unsigned char* memory) {
  running = this;
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
  Grid& grid = *running;
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
    for (int t = first; t < std::min(first + kWarp, static_cast<int>(block.threads.size())); ++t)
      if (Thread& other = block.threads[static_cast<std::size_t>(t)]; other.state == State::warp)
        complete_warp_op(block, other);
  }
}

void Grid::leave(State state) {
  thread_->state = state;
  change_context(thread_->context, scheduler_);
}

// --- threads that wait for each other ------------------------------------------------------------------------------------

int Grid::block_barrier(int predicate, int line) {
  thread_->line = line;
  block_->predicates += predicate;
  ++block_->at_barrier;
  leave(State::barrier);
  return block_->barrier_result;
}

bool Grid::release_barrier(Block& block) {
  const auto diverged = [&](const Thread& thread, const Thread& other, std::string text) {
    Fault found = fault(FaultKind::divergence);
    found.line = thread.line, found.text = std::move(text);
    found.first = {block.index, thread.index, ThreadPlace::Access::none};
    found.second = {block.index, other.index, ThreadPlace::Access::none};
    add(std::move(found));
    stopped_ = true;
    return false;
  };
  if (block.done > 0) {
    const auto find = [&](State state) {
      return std::find_if(block.threads.begin(), block.threads.end(), [&](const Thread& one) { return one.state == state; });
    };
    const Thread &waits = *find(State::barrier), &ended = *find(State::done);
    return diverged(waits, ended,
                    fmt::format("it waits at __syncthreads, while thread {} of its block has ended", ended.index));
  }
  for (const Thread& thread : block.threads) {
    const Thread& first = block.threads[static_cast<std::size_t>(thread.index / kWarp * kWarp)];
    if (thread.line != first.line)
      return diverged(thread, first,
                      fmt::format("it waits at __syncthreads, while thread {} of its warp waits at that of line {}",
                                  first.index, first.line));
  }
  if (block.epoch >= kLatest) {
    add(fault(FaultKind::steps));
    stopped_ = true;
    return false;
  }
  block.epoch += kEpoch;
  block.barrier_result = block.predicates;
  block.predicates = block.at_barrier = 0;
  Time base = 0;
  std::shared_ptr<Clock> known;
  for (Thread& thread : block.threads) {
    base = std::max(base, thread.base);
    if (!thread.known || thread.known == block.known) continue;
    if (!known) known = block.known ? std::make_shared<Clock>(*block.known) : std::make_shared<Clock>();
    known->join(*std::exchange(thread.known, nullptr));
  }
  if (known) block.known = std::move(known);
  for (Thread& thread : block.threads) thread.state = State::ready, thread.time = block.epoch, thread.base = base;
  return true;
}

std::uint64_t Grid::warp_op(WarpOp op, unsigned mask, std::uint64_t value, int source, int line) {
  Thread& thread = *thread_;
  const int lane = thread.index % kWarp;
  thread.op = op, thread.mask = mask, thread.value = value, thread.source = source, thread.line = line;
  const int first = thread.index - lane;
  const auto diverged = [&](std::string text, int other) {
    Fault found = fault(FaultKind::divergence);
    found.line = line, found.text = std::move(text);
    if (other >= 0) found.second = {block_->index, other, ThreadPlace::Access::none};
    stop(std::move(found));
  };
  if (!(mask >> lane & 1)) diverged(fmt::format("its mask {:#x} leaves out its own lane {}", mask, lane), -1);
  for (int t = first; t < std::min(first + kWarp, static_cast<int>(block_->threads.size())); ++t) {
    const Thread& other = block_->threads[static_cast<std::size_t>(t)];
    if (other.state != State::warp || !(mask >> (t - first) & 1) || !(other.mask >> lane & 1)) continue;
    if (other.op != op || (op != WarpOp::barrier && other.line != line))
      diverged(fmt::format("thread {} of its warp, which its mask names, waits at another function of the warp, in line {}", t,
                           other.line),
               t);
    if (other.mask != mask) diverged(fmt::format("its mask is {:#x}, that of thread {} {:#x}", mask, t, other.mask), t);
  }
  thread.state = State::warp;
  if (!complete_warp_op(*block_, thread)) leave(State::warp);
  return thread.result;
}

bool Grid::complete_warp_op(Block& block, Thread& thread) {
  const int first = thread.index / kWarp * kWarp, count = std::min(kWarp, static_cast<int>(block.threads.size()) - first);
  Thread* const lanes = &block.threads[static_cast<std::size_t>(first)];
  unsigned there = 0;
  for (int lane = 0; lane < count; ++lane) {
    const Thread& other = lanes[lane];
    if (!(thread.mask >> lane & 1) || other.state == State::done) continue;
    if (other.state != State::warp || other.mask != thread.mask || other.op != thread.op) return false;
    there |= 1u << lane;
  }
  unsigned votes = 0;
  for (int lane = 0; lane < count; ++lane)
    if (there >> lane & 1 && lanes[lane].value) votes |= 1u << lane;
  for (int lane = 0; lane < count; ++lane) {
    if (!(there >> lane & 1)) continue;
    Thread& other = lanes[lane];
    const int source = other.source & (kWarp - 1);
    other.result = thread.op == WarpOp::ballot ? votes : there >> source & 1 ? lanes[source].value : ~std::uint64_t{0};
    other.state = State::ready;
  }
  if (thread.op != WarpOp::barrier) return true;  // these say nothing of memory
  if (block.warp_known.empty()) block.warp_known.assign(block.threads.size() * kWarp, 0);
  Time all[kWarp] = {}, base = 0;
  KnownClock known;
  for (int lane = 0; lane < count; ++lane) {
    if (!(there >> lane & 1)) continue;
    const Time* const row = &block.warp_known[static_cast<std::size_t>(first + lane) * kWarp];
    for (int l = 0; l < kWarp; ++l) all[l] = std::max(all[l], row[l]);
    all[lane] = std::max(all[lane], advance(lanes[lane].time));
    base = std::max(base, lanes[lane].base);
    known = joined(known, lanes[lane].known);
  }
  for (int lane = 0; lane < count; ++lane) {
    if (!(there >> lane & 1)) continue;
    std::copy(all, all + kWarp, &block.warp_known[static_cast<std::size_t>(first + lane) * kWarp]);
    lanes[lane].base = base, lanes[lane].known = known;
  }
  return true;
}

void Grid::report_stuck(Block& block) {
  // Who waits for threads of its own block or warp that never come stands apart from who looks at memory for ever.
  const Thread *waits = nullptr, *other = nullptr;
  for (const Thread& thread : block.threads)
    if (thread.state == State::pausing || thread.state == State::ready) waits = &thread;
  Fault found = fault(waits ? FaultKind::deadlock : FaultKind::divergence);
  if (waits) {
    found.text = "it waits for a value that nobody writes: all blocks that run wait";
    if (std::cmp_less(message_->request.resident_blocks, launch_->blocks))
      found.text += fmt::format(", and {} of {} can run at once", message_->request.resident_blocks, launch_->blocks);
  } else {
    for (const Thread& thread : block.threads) {
      if (thread.state == State::warp && (!waits || waits->state != State::warp)) waits = &thread;
      if (thread.state == State::barrier && !waits) waits = &thread;
    }
    for (const Thread& thread : block.threads)
      if (&thread != waits && (thread.state != waits->state || thread.line != waits->line)) other = &thread;
    found.line = waits->line;
    const char* const where = waits->state == State::barrier ? "__syncthreads" : "a function of its warp";
    found.text = fmt::format("it waits at {} for ever", where);
    if (other) {
      found.second = {block.index, other->index, ThreadPlace::Access::none};
      found.text += fmt::format(
          ": thread {} {}", other->index,
          other->state == State::done ? std::string("has ended") : fmt::format("waits elsewhere, in line {}", other->line));
    }
  }
  found.first = {block.index, waits->index, ThreadPlace::Access::none};
  add(std::move(found));
  stopped_ = true;
}

void Grid::fence(bool block_only) {
  Thread& thread = *thread_;
  thread.fenced = advance(thread.time);
  thread.fenced_for_block = block_only;
  if (thread.pending) thread.known = joined(thread.known, std::exchange(thread.pending, nullptr));
}

void Grid::pause() { leave(State::pausing); }

// --- memory --------------------------------------------------------------------------------------------------------------

std::optional<Grid::Location> Grid::locate(std::uintptr_t address, unsigned bytes) {
  if (const std::uintptr_t offset = address - memory_begin_; offset < memory_bytes_) {
    const int buffer = granules_[offset >> 16];
    if (buffer < 0) return std::nullopt;
    const Placed& placed = message_->buffers[static_cast<std::size_t>(buffer)];
    const Location location{buffer, false, memory_begin_ + static_cast<std::uintptr_t>(placed.offset),
                            static_cast<std::uintptr_t>(placed.elements) * static_cast<std::uintptr_t>(size_of(placed.type))};
    if (address + bytes > location.begin + location.bytes) return std::nullopt;
    return location;
  }
  const auto& shared = object_.shared();
  const SharedArray& dynamic = shared.back();
  if (const std::uintptr_t offset = address - dynamic.begin; offset < std::size_t{ak_emulated::kMostSharedBytes}) {
    if (std::cmp_greater(offset + bytes, launch_->shared_bytes)) return std::nullopt;
    return Location{static_cast<int>(shared.size()) - 1, true, dynamic.begin,
                    static_cast<std::uintptr_t>(launch_->shared_bytes)};
  }
  const auto after = std::upper_bound(shared.begin(), shared.end() - 1, address,
                                      [](std::uintptr_t at, const SharedArray& one) { return at < one.begin; });
  if (after == shared.begin()) return std::nullopt;
  const SharedArray& array = *(after - 1);
  if (address + bytes > array.begin + array.bytes) return std::nullopt;
  return Location{static_cast<int>(after - 1 - shared.begin()), true, array.begin, array.bytes};
}

bool Grid::ordered(Stamp stamp) const {
  const Time time = stamp.time();
  const Thread& thread = *thread_;
  if (time < thread.base) return true;
  if (time < base_) return false;  // of the launch before, which it did not wait for
  const std::uint32_t other = stamp.thread();
  const Block& block = *block_;
  if (other >> thread_bits_ == block.index) {
    if (time < block.epoch) return true;
    const int index = static_cast<int>(other & ((1u << thread_bits_) - 1));
    if (index == thread.index) return true;
    if (index / kWarp == thread.index / kWarp && !block.warp_known.empty() &&
        time < block.warp_known[static_cast<std::size_t>(thread.index) * kWarp + static_cast<std::size_t>(index % kWarp)])
      return true;
  }
  const std::size_t its_block = other >> thread_bits_;
  return (thread.known && thread.known->knows(other, its_block, time)) ||
         (block.known && block.known->knows(other, its_block, time));
}

void Grid::touch(Cell& cell, unsigned mask, bool write, bool atomic, std::uintptr_t word, unsigned bytes,
                 const Location& location) {
  using Access = ThreadPlace::Access;
  const auto against = [&](int slot, Access access) {
    if ((cell.mask(slot) & mask) && !ordered(cell.stamps[slot]))
      race(cell.stamps[slot], access, write, atomic, word, bytes, location);
  };
  const Stamp now = Stamp::of(global_thread(*block_, thread_->index), thread_->time, write);
  against(Cell::write, Access::write);
  if (!atomic)
    for (const int slot : {Cell::atomic, Cell::last_atomic})
      if (write || cell.stamps[slot].wrote()) against(slot, Access::atomic);
  if (write)
    for (const int slot : {Cell::read, Cell::last_read}) against(slot, Access::read);
  if (write) cell.set_written(mask);
  if (write && !atomic) {
    cell.put(Cell::write, now, mask);
    if (mask == 15)  // who has order with this has it with those
      for (int slot = Cell::read; slot < Cell::kSlots; ++slot) cell.put(slot, {}, 0);
    return;
  }
  const int first = atomic ? Cell::atomic : Cell::read;
  // The first is kept while it has no order with what follows, so that one of the two always is another thread's.
  const bool replace = !cell.mask(first) || ((cell.mask(first) | mask) == mask &&
                                             (now.wrote() || !cell.stamps[first].wrote()) && ordered(cell.stamps[first]));
  cell.put(replace ? first : first + 1, now, mask);
}

void Grid::watch(std::uintptr_t address, unsigned bytes, bool write, bool atomic, const Location& location) {
  const auto each_word = [&](Cell* cell, auto&& visit) {
    for (std::uintptr_t at = address; at < address + bytes; ++cell) {
      const std::uintptr_t word = at / 4 * 4, end = std::min(word + 4, address + bytes);
      visit(*cell, ((1u << (end - word)) - 1) & ~((1u << (at - word)) - 1), at);
      at = end;
    }
  };
  Cell* first;
  if (location.shared) {
    const auto array = static_cast<std::size_t>(location.array);
    block_->touched[array] = true;
    first = &block_->cells[cell_begin_[array]] + (address / 4 - location.begin / 4);
    bool written = write;
    each_word(first, [&](Cell& cell, unsigned mask, std::uintptr_t) {
      if (cell.owner != block_->serial) cell = Cell{}, cell.owner = block_->serial;
      written |= (cell.written() & mask) != 0;
    });
    if (!written) {  // nothing of it: a structure that is copied has gaps that nobody writes
      const Named what = named(address, bytes, location);
      Fault found = fault(FaultKind::uninitialised);
      found.array = what.array, found.element = what.element;
      found.first.access = ThreadPlace::Access::read;
      found.text = fmt::format("it reads {}[{}], which no thread of its block has written", what.array, what.element);
      add(std::move(found));
      each_word(first, [](Cell& cell, unsigned mask, std::uintptr_t) { cell.set_written(mask); });  // once is enough
    }
  } else {
    first = &cells_[(address - memory_begin_) / 4];
  }
  each_word(first,
            [&](Cell& cell, unsigned mask, std::uintptr_t at) { touch(cell, mask, write, atomic, at, bytes, location); });
}

void Grid::access(std::uintptr_t address, unsigned bytes, unsigned how) {
  if (address - stacks_.begin(thread_->stack) < Stacks::kBytes) return;  // its own variables
  const bool write = how & ak_emulated::kWrite;
  const auto location = locate(address, bytes);
  if (!location) {
    if (!write && object_.constant(address, bytes)) return;
    outside(address, bytes, write);
  }
  progress_ += write;
  watch(address, bytes, write, false, *location);
}

void Grid::atomic(std::uintptr_t address, unsigned bytes, unsigned how) {
  Thread& thread = *thread_;
  if (address - stacks_.begin(thread.stack) < Stacks::kBytes) return;
  const bool write = how & (ak_emulated::kWrite | ak_emulated::kUpdate), update = how & ak_emulated::kUpdate;
  auto location = locate(address, bytes);
  if (!location) outside(address, bytes, write);
  if (!write && bytes <= 8) {
    // Reading the same again is waiting: others go on meanwhile.
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const void*>(address), bytes);
    if (thread.polled != address || thread.polled_value != value) {
      thread.polled = address, thread.polled_value = value, thread.polls = 0, ++progress_;
    } else if (++thread.polls > 2) {
      leave(State::pausing);
    }
  } else {
    ++progress_;
  }
  // What holds only as long as nobody comes between two atomic accesses holds in one schedule alone.
  if (message_->request.order == ThreadOrder::shuffled && !location->shared && !(how & ak_emulated::kSwap) &&
      (write || !thread.polls)) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    if (random_ >> 63) ++progress_, leave(State::pausing);
  }
  watch(address, bytes, write, true, *location);
  const std::uintptr_t key = location->shared ? address ^ std::uintptr_t{block_->serial} << 48 : address;
  if (!write || update) acquire(key, how & ak_emulated::kAcquire);
  if (write) release(key, how & ak_emulated::kRelease, update);
}

void Grid::acquire(std::uintptr_t key, bool now) {
  const auto found = sync_.find(key);
  if (found == sync_.end() || !found->second.clock) return;
  if (found->second.only_block >= 0 && found->second.only_block != block_->index) return;
  KnownClock& known = now ? thread_->known : thread_->pending;
  known = joined(known, found->second.clock);
}

void Grid::release(std::uintptr_t key, bool now, bool update) {
  Thread& thread = *thread_;
  if (!now && !thread.fenced) {
    if (!update) sync_.erase(key);  // what was published there is overwritten; an update carries it on
    return;
  }
  auto clock = std::make_shared<Clock>();
  if (block_->known) clock->join(*block_->known);
  if (thread.known) clock->join(*thread.known);
  const std::uint32_t self = global_thread(*block_, thread.index);
  if (now) advance(thread.time);
  const Time until = now ? thread.time : thread.fenced;
  // What a barrier of the block put behind it, up to the barrier that follows the fence: each thread has one before it then.
  clock->know_block(block_->index, std::min(block_->epoch, until - until % kEpoch + kEpoch));
  clock->know_thread(self, until);
  if (!block_->warp_known.empty()) {
    const int first = thread.index / kWarp * kWarp;
    for (int lane = 0; lane < kWarp; ++lane)
      if (const Time known =
              block_->warp_known[static_cast<std::size_t>(thread.index) * kWarp + static_cast<std::size_t>(lane)];
          known > block_->epoch)
        clock->know_thread(global_thread(*block_, first + lane), known);
  }
  SyncPoint& point = sync_[key];
  if (update && point.clock) clock->join(*point.clock);
  point.clock = std::move(clock);
  point.only_block = !now && thread.fenced_for_block ? std::int64_t{block_->index} : -1;
}

// --- findings ------------------------------------------------------------------------------------------------------------

Grid::Named Grid::named(std::uintptr_t address, unsigned bytes, const Location& location) const {
  const auto distance = static_cast<std::int64_t>(address - location.begin);
  if (location.shared) {
    const std::int64_t size = std::clamp(bytes, 1u, 8u);
    return {object_.shared()[static_cast<std::size_t>(location.array)].name, distance / size};
  }
  const Placed& buffer = message_->buffers[static_cast<std::size_t>(location.array)];
  const std::int64_t size = size_of(buffer.type);
  return {buffer.name, (distance - (distance < 0 ? size - 1 : 0)) / size};
}

Fault Grid::fault(FaultKind kind) const {
  Fault fault;
  fault.kind = kind;
  fault.kernel = launch_->kernel;
  if (block_ && thread_) fault.first = {block_->index, thread_->index, ThreadPlace::Access::none};
  return fault;
}

void Grid::add(Fault fault) {
  constexpr std::size_t kMost = 8;
  for (const Fault& known : result_.faults)
    if (known.kind == fault.kind && known.array == fault.array && known.first.access == fault.first.access &&
        known.second.access == fault.second.access)
      return;
  if (result_.faults.size() >= kMost) return;
  std::string text = fmt::format("{}: kernel {}", name(fault.kind), fault.kernel);
  if (fault.line > 0) text += fmt::format(", line {}", fault.line);
  if (fault.first.block >= 0) text += fmt::format(", block {} thread {}", fault.first.block, fault.first.thread);
  if (fault.kind == FaultKind::steps && fault.text.empty())
    fault.text = fmt::format("not ended after {} steps", message_->request.steps);
  if (!fault.text.empty()) text += ": " + fault.text;
  fault.text = std::move(text);
  result_.faults.push_back(std::move(fault));
}

void Grid::stop(Fault fault) {
  add(std::move(fault));
  stopped_ = true;
  Context nowhere;
  change_context(nowhere, scheduler_);
  __builtin_unreachable();
}

void Grid::outside(std::uintptr_t address, unsigned bytes, bool write) {
  Fault found = fault(FaultKind::out_of_bounds);
  found.first.access = write ? ThreadPlace::Access::write : ThreadPlace::Access::read;
  // Of the array that begins or ends nearest.
  std::optional<Location> nearest;
  std::uintptr_t distance = std::uintptr_t{64} << 20;
  const auto consider = [&](const Location& one) {
    const std::uintptr_t end = one.begin + one.bytes;
    const std::uintptr_t far = address >= end ? address - end : address >= one.begin ? 0 : one.begin - address;
    if (far < distance) nearest = one, distance = far;
  };
  if (address - memory_begin_ < memory_bytes_) {
    for (std::size_t b = 0; b < message_->buffers.size(); ++b) {
      const Placed& buffer = message_->buffers[b];
      consider({static_cast<int>(b), false, memory_begin_ + static_cast<std::uintptr_t>(buffer.offset),
                static_cast<std::uintptr_t>(buffer.elements) * static_cast<std::uintptr_t>(size_of(buffer.type))});
    }
  } else {
    distance = 1 << 20;
    for (std::size_t a = 0; a < object_.shared().size(); ++a) {
      const SharedArray& array = object_.shared()[a];
      const bool dynamic = a + 1 == object_.shared().size();
      consider(
          {static_cast<int>(a), true, array.begin, dynamic ? static_cast<std::uintptr_t>(launch_->shared_bytes) : array.bytes});
    }
  }
  const char* const does = write ? "writes" : "reads";
  if (!nearest) {
    found.text = stacks_.contains(address)
                     ? fmt::format("it {} another thread's variable", does)
                     : fmt::format("it {} {} bytes at {:#x}, where there is no array", does, bytes, address);
    stop(std::move(found));
  }
  // The first element that lies outside.
  const std::uintptr_t end = nearest->begin + nearest->bytes;
  const std::uintptr_t first = address >= nearest->begin && address < end ? end : address;
  const Named what = named(first, bytes, *nearest);
  found.array = what.array, found.element = what.element;
  const std::int64_t size =
      nearest->shared ? std::clamp(bytes, 1u, 8u) : size_of(message_->buffers[static_cast<std::size_t>(nearest->array)].type);
  found.text = fmt::format("it {} {}[{}] of {} elements", does, what.array, what.element,
                           static_cast<std::int64_t>(nearest->bytes) / size);
  stop(std::move(found));
}

void Grid::race(Stamp earlier, ThreadPlace::Access earlier_access, bool write, bool atomic, std::uintptr_t address,
                unsigned bytes, const Location& location) {
  const Named what = named(address, bytes, location);
  Fault found = fault(FaultKind::race);
  found.array = what.array, found.element = what.element;
  found.first.access = atomic ? ThreadPlace::Access::atomic : write ? ThreadPlace::Access::write : ThreadPlace::Access::read;
  constexpr const char* kDone[] = {"", "has read", "has written", "has updated"};
  const char* const does = atomic ? "updates" : write ? "writes" : "reads";
  const char* const done = kDone[static_cast<int>(earlier_access)];
  if (earlier.time() < base_) {
    found.text = fmt::format("it {} {}[{}], which the launch before {}, without wait_for_previous()", does, what.array,
                             what.element, done);
  } else {
    const std::uint32_t other = earlier.thread();
    found.second = {other >> thread_bits_, static_cast<int>(other & ((1u << thread_bits_) - 1)), earlier_access};
    const bool same_block = found.second.block == found.first.block;
    const bool same_warp = same_block && found.second.thread / kWarp == found.first.thread / kWarp;
    found.text = fmt::format("it {} {}[{}], which block {} thread {} {}, without {} between them", does, what.array,
                             what.element, found.second.block, found.second.thread, done,
                             same_warp    ? "__syncwarp or __syncthreads"
                             : same_block ? "__syncthreads"
                                          : "an order of release and acquire");
  }
  add(std::move(found));
}

void Grid::crashed(int signal) {
  Grid* const grid = running;
  if (!grid || !grid->thread_ || grid->stopped_) {
    ::signal(signal, SIG_DFL);
    return;
  }
  Fault found = grid->fault(FaultKind::crash);
  found.text = signal == SIGFPE   ? "an integer division by zero"
               : signal == SIGILL ? "an instruction that must not be reached"
                                  : "an access that ends the process, or a stack that overflowed";
  grid->stop(std::move(found));
}

// A loop of which the compiler left nothing but a jump takes no step.
void Grid::ticked(int, siginfo_t*, void* context) {
  Grid& grid = *running;
  const std::int64_t steps = *grid.object_.object().steps;
  if (steps == std::exchange(grid.steps_at_tick_, steps) && grid.thread_ && grid.object_.constant(interrupted_at(context), 1)) {
    Fault found = grid.fault(FaultKind::steps);
    found.text = "it goes round a loop that can never end";
    grid.stop(std::move(found));
  }
}

}  // namespace ak::loop
