#include "plan/workspace.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/arithmetic.hpp"
#include "base/log.hpp"
#include "kernels/args.cuh"

namespace ak {
namespace {

constexpr std::int64_t kGranule = std::int64_t{2} << 20;  // what the driver hands out
constexpr std::size_t kFirstSlots = 64;
constexpr int kRefusals = 64;  // after so many, memory is asked for once more

constexpr std::uint64_t kLegacy = ~std::uint64_t{0};  // no stream's number

// The graph lets go of it when the last of all that was made of it is gone, on a thread of the driver's, which must not be
// asked for anything then.
void CUDA_CB let_go(void* held) {
  const std::unique_ptr<std::shared_ptr<std::atomic<bool>>> gone(static_cast<std::shared_ptr<std::atomic<bool>>*>(held));
  (*gone)->store(true, std::memory_order_release);
}

}  // namespace

// A stream's own block counts who is between acquire and release, so that an outgrown one is given to others only when all its
// work is enqueued. A shared one is held by one thread at a time.
struct Workspaces::Block {
  Buffer buffer;              // the library's own; else
  void* lent = nullptr;       // the caller's, and
  Stream lent_for = nullptr;  // for which stream
  void* data() const { return lent ? lent : buffer.data(); }
  std::atomic<std::int64_t> bytes{0};  // 0: given back
  std::atomic<int> users{0};
  std::atomic<std::uint64_t> round{0};  // of the caller's: of its last use
  bool shared = false;
  std::uint64_t last_key = 0;                     // of a shared block: its last user, whose work `done` follows
  std::uint64_t capture = 0, stream = 0;          // of a graph's block: who captured it
  std::shared_ptr<std::atomic<bool>> graph_gone;  // then anybody's
  Event done;
  Block* next = nullptr;
  bool seize() {
    int free = 0;
    return users.compare_exchange_strong(free, 1);
  }
};

void* Workspaces::Lease::data() const { return block_->data(); }

void Workspaces::Lease::release() const {
  // The next user waits for this; if it cannot be recorded the context is lost, and nothing runs any more.
  if (block_->shared) driver().cuEventRecord(block_->done.get(), stream_);
  block_->users.fetch_sub(1);
}

Workspaces::Workspaces(CUcontext context, std::int64_t cap_bytes, Graphs graphs, const ScratchAllocator& allocator)
    : context_(context), replayed_(graphs), allocator_(allocator), cap_(cap_bytes) {
  all_slots_.push_back(std::make_unique<Slots>(kFirstSlots));
  current_.store(all_slots_.back().get(), std::memory_order_release);
}

Workspaces::~Workspaces() = default;

void Workspaces::set_cap(std::int64_t bytes) {
  cap_.store(bytes, std::memory_order_relaxed);
  refused_.store(0, std::memory_order_relaxed);
}

// Never the block of the empty slot where a probe ends: another stream may be moving into it, block first.
Workspaces::Slot* Workspaces::Slots::find(std::uint64_t key) const {
  for (std::size_t i = key * 0x9e3779b97f4a7c15ull >> 32;; ++i) {
    Slot& slot = slots[i & mask];
    const std::uint64_t found = slot.key.load(std::memory_order_acquire);
    if (found == key) return &slot;
    if (found == 0) return nullptr;
  }
}

Workspaces::Slot& Workspaces::Slots::probe(std::uint64_t key) const {
  for (std::size_t i = key * 0x9e3779b97f4a7c15ull >> 32;; ++i) {
    Slot& slot = slots[i & mask];
    const std::uint64_t found = slot.key.load(std::memory_order_acquire);
    if (found == key || found == 0) return slot;
  }
}

// What the driver calls the stream: a number that no later stream gets, nor another thread's default stream. Asking for it
// breaks a capture, in which a stream goes by its handle, or its thread.
std::uint64_t Workspaces::key_of(Stream stream, Capture& capture) {
  if (!stream || stream == CU_STREAM_LEGACY) return kLegacy;
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  cuuint64_t id = 0;
  check(driver().cuStreamGetCaptureInfo(stream, &status, &id, &capture.graph, nullptr, nullptr, nullptr),
        "asking whether a stream is captured");
  if (status == CU_STREAM_CAPTURE_STATUS_ACTIVE) {
    static std::atomic<std::uint64_t> threads{0};
    static thread_local const std::uint64_t mine = 2 * ++threads + 1;  // odd: no handle
    capture.id = id;
    return capture.stream = stream == CU_STREAM_PER_THREAD ? mine : reinterpret_cast<std::uint64_t>(stream);
  }
  capture.graph = nullptr;
  unsigned long long number = 0;
  check(driver().cuStreamGetId(stream, &number), "asking for a stream's number");
  return number + 1;  // 0 is the empty slot's
}

Workspaces::Lease Workspaces::acquire(Stream stream, std::int64_t bytes) {
  Capture capture;
  const std::uint64_t key = key_of(stream, capture);
  if (capture.graph) [[unlikely]]
    return Lease(captured(capture, stream, bytes), stream);
  for (;;) {
    const Slots* const slots = current_.load(std::memory_order_acquire);
    const Slot* const slot = slots->find(key);
    Block* const block = slot ? slot->block.load(std::memory_order_acquire) : nullptr;
    if (!block || block->bytes < bytes) break;
    block->users.fetch_add(1);
    if (slot->block.load() == block && current_.load() == slots) [[likely]] {
      if (block->lent) block->round.store(round_.load(std::memory_order_relaxed), std::memory_order_relaxed);
      return Lease(block, stream);
    }
    block->users.fetch_sub(1);  // outgrown meanwhile, or given back
  }
  if (Block* const block = share(key, stream, bytes)) return Lease(block, stream);
  return Lease(refused(bytes) ? nullptr : grow(key, stream, bytes), stream);
}

// What was refused is refused for a while without asking again.
bool Workspaces::refused(std::int64_t bytes) {
  const std::int64_t refused = refused_.load(std::memory_order_relaxed);
  return refused > 0 && bytes >= refused && refusals_.fetch_add(1, std::memory_order_relaxed) % kRefusals != kRefusals - 1;
}

// The one that this capture has on this stream, else one whose graph is gone, else a new one.
Workspaces::Block* Workspaces::captured(const Capture& capture, Stream stream, std::int64_t bytes) {
  const std::uint64_t owner = replayed_ == Graphs::at_once ? capture.id : 0;
  const std::lock_guard lock(mutex_);
  const RelaxedCapture relaxed;
  const ContextScope scope(context_);
  give_back_unused();
  Block* block = nullptr;
  bool any_gone = false;
  for (auto at = graphs_.rbegin(); at != graphs_.rend(); ++at) {
    Block* const each = *at;
    const bool gone = each->graph_gone->load(std::memory_order_acquire);
    any_gone = any_gone || (gone && each->bytes > 0);
    if (each->bytes < bytes) continue;
    if (each->capture == owner && each->stream == capture.stream) return each->users.fetch_add(1), each;
    if (gone && (!block || each->bytes < block->bytes)) block = each;
  }
  if (!block) {
    if (!any_gone && refused(bytes)) return nullptr;
    const std::int64_t cap = cap_.load(std::memory_order_relaxed),
                       size = std::min(round_up(bytes, kGranule), std::max(bytes, cap));
    block = make_room(size, cap, nullptr) ? make(size, false, stream) : nullptr;
    if (!block) return refused_.store(bytes, std::memory_order_relaxed), nullptr;
    refused_.store(0, std::memory_order_relaxed);
    graphs_.push_back(block);
  }
  block->capture = owner, block->stream = capture.stream;
  hold(*block, capture.graph);
  block->users.fetch_add(1);
  return block;
}

// Until the graph is gone, and all that was made of it; for good where the driver does not say when that is.
void Workspaces::hold(Block& block, CUgraph graph) {
  block.graph_gone = std::make_shared<std::atomic<bool>>(false);
  if (replayed_ == Graphs::in_turn) return;
  auto held = std::make_unique<std::shared_ptr<std::atomic<bool>>>(block.graph_gone);
  CUuserObject object = nullptr;
  if (driver().cuUserObjectCreate(&object, held.get(), let_go, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC) != CUDA_SUCCESS) return;
  static_cast<void>(held.release());
  if (driver().cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE) == CUDA_SUCCESS) return;
  block.graph_gone = std::make_shared<std::atomic<bool>>(false);  // the object's end is not the graph's
  driver().cuUserObjectRelease(object, 1);
}

// The block it used last, else the first that is free; the stream waits on the GPU for who had it before.
Workspaces::Block* Workspaces::share(std::uint64_t key, Stream stream, std::int64_t bytes) {
  for (const bool own : {true, false})
    for (Block* block = pool_.load(std::memory_order_acquire); block; block = block->next) {
      if (!block->seize()) continue;
      if (block->bytes >= bytes && (!own || block->last_key == key)) {
        if (own || driver().cuStreamWaitEvent(stream, block->done.get(), 0) == CUDA_SUCCESS) {
          block->last_key = key;
          return block;
        }
      }
      block->users.fetch_sub(1);
    }
  return nullptr;
}

// Half of the cap is for blocks that streams keep. What has no room there is shared, and what is shared, or was of a graph that
// is gone, is given back where more is needed at once.
Workspaces::Block* Workspaces::grow(std::uint64_t key, Stream stream, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  const Slots* slots = current_.load(std::memory_order_relaxed);
  Slot& slot = slots->probe(key);
  Block* const old = slot.key.load(std::memory_order_relaxed) ? slot.block.load(std::memory_order_relaxed) : nullptr;
  if (old && old->bytes >= bytes) return old->users.fetch_add(1), old;  // another thread was first

  const RelaxedCapture relaxed;
  const ContextScope scope(context_);
  give_back_unused();
  const std::int64_t cap = cap_.load(std::memory_order_relaxed),
                     size = std::min(round_up(bytes, kGranule), std::max(bytes, cap));
  const std::int64_t replaced = old ? old->bytes.load() : 0;
  const bool keeps = allocator_.allocate || own_ - replaced + size <= cap / 2;
  const auto refuse = [&]() -> Block* {
    refused_.store(bytes, std::memory_order_relaxed);
    return nullptr;
  };
  if (!make_room(size, cap, old)) return refuse();
  Block* block = make(size, !keeps, stream);
  if (!block && give_back_idle(size, old)) block = make(size, !keeps, stream);
  if (!block) return refuse();
  block->round = round_.load(std::memory_order_relaxed);
  block->users = 1;
  refused_.store(0, std::memory_order_relaxed);
  if (!keeps) {
    block->last_key = key;
    block->next = pool_.load(std::memory_order_relaxed);
    pool_.store(block, std::memory_order_release);
    return block;
  }
  own_ += size;
  keep(block, key, slots);
  if (old && allocator_.allocate)
    outgrown_.push_back(old), give_back_unused();
  else if (old && offer(old, key, stream))
    own_ -= replaced;
  return block;
}

// Null when the device, or the caller, has no memory left.
Workspaces::Block* Workspaces::make(std::int64_t size, bool shared, Stream stream) try {
  auto block = std::make_unique<Block>();
  block->bytes = size;
  block->shared = shared;
  const auto counters = static_cast<std::size_t>(std::min<std::int64_t>(size, kCounterBytes));
  if (allocator_.allocate) {
    if (!lend(*block, stream)) return nullptr;
    // In the stream's order, as the memory may be; in a capture by the graph, whose memory others may have between its runs.
    if (const auto result = driver().cuMemsetD8Async(reinterpret_cast<CUdeviceptr>(block->lent), 0, counters, stream);
        result != CUDA_SUCCESS) {
      allocator_.release(block->lent, size, stream, allocator_.user);
      check(result, "zeroing a workspace");
    }
  } else {
    if (!stream_) stream_ = OwnedStream::make();
    block->buffer = Buffer::make(static_cast<std::size_t>(size));
    if (shared) block->done = Event::make(Event::Timing::off);
    check(driver().cuMemsetD8Async(block->buffer.get(), 0, counters, stream_.get()), "zeroing a workspace");
    stream_.synchronize();
  }
  held_.fetch_add(size, std::memory_order_relaxed);
  blocks_.push_back(std::move(block));
  return blocks_.back().get();
} catch (const Error& error) {
  if (error.code() == ErrorCode::out_of_memory) return nullptr;
  throw;
}

// False where the caller has none, or none that can be used.
bool Workspaces::lend(Block& block, Stream stream) {
  try {
    block.lent = allocator_.allocate(block.bytes, stream, allocator_.user);
  } catch (...) {
    warn_once("scratch_allocator: allocate threw; what needs no scratch memory serves");
    return false;
  }
  block.lent_for = stream;
  if (reinterpret_cast<std::uintptr_t>(block.lent) % 256 == 0) return block.lent != nullptr;
  warn_once(
      fmt::format("scratch_allocator: allocate gave {}, which is not aligned to 256 bytes; what needs no scratch memory serves",
                  block.lent));
  allocator_.release(block.lent, block.bytes, stream, allocator_.user);
  return false;
}

// Nothing will be enqueued on it any more.
void Workspaces::empty(Block& block) {
  const std::int64_t bytes = block.bytes.exchange(0);
  block.buffer = Buffer();
  if (block.lent) allocator_.release(std::exchange(block.lent, nullptr), bytes, block.lent_for, allocator_.user);
  held_.fetch_sub(bytes, std::memory_order_relaxed);
}

// The caller's memory that is of no use any more. In the context, under the lock.
void Workspaces::give_back_unused() {
  if (!allocator_.allocate) return;
  std::erase_if(graphs_, [&](Block* block) {
    if (!block->graph_gone->load(std::memory_order_acquire)) return false;
    return empty(*block), true;
  });
  std::erase_if(outgrown_, [&](Block* block) {
    if (!block->seize()) return false;
    return empty(*block), true;
  });
}

// Whether no graph holds any of it. Nothing is enqueued any more.
bool Workspaces::end() {
  const std::lock_guard lock(mutex_);
  const RelaxedCapture relaxed;
  const bool there = driver().cuCtxPushCurrent(context_) == CUDA_SUCCESS;
  give_back_unused();
  for (const auto& block : blocks_)
    if (block->lent && std::ranges::find(graphs_, block.get()) == graphs_.end()) empty(*block);
  CUcontext popped;
  if (there) driver().cuCtxPopCurrent(&popped);
  return graphs_.empty();
}

std::shared_ptr<Workspaces> Workspaces::of_caller(CUcontext context, std::int64_t cap_bytes,
                                                  const ScratchAllocator& allocator) {
  static std::mutex mutex;
  static auto& ended = *new std::vector<std::unique_ptr<Workspaces>>;  // whose graphs are still there
  const auto end_others = [] { std::erase_if(ended, [](const auto& each) { return each->end(); }); };
  {
    const std::lock_guard lock(mutex);
    end_others();
  }
  return {new Workspaces(context, cap_bytes, Graphs::at_once, allocator), [end_others](Workspaces* last) {
            const std::lock_guard lock(mutex);
            ended.emplace_back(last);
            end_others();
          }};
}

void Workspaces::keep(Block* block, std::uint64_t key, const Slots* slots) {
  Slot* slot = &slots->probe(key);
  if (slot->key.load(std::memory_order_relaxed) == 0 && ++streams_ * 2 > slots->mask) {
    auto larger = std::make_unique<Slots>((slots->mask + 1) * 2);
    for (std::size_t i = 0; i <= slots->mask; ++i) {
      const std::uint64_t old = slots->slots[i].key.load(std::memory_order_relaxed);
      if (old == 0) continue;
      Slot& moved = larger->probe(old);
      moved.block.store(slots->slots[i].block.load(std::memory_order_relaxed), std::memory_order_relaxed);
      moved.key.store(old, std::memory_order_relaxed);
    }
    slot = &larger->probe(key);
    slot->block.store(block, std::memory_order_relaxed);
    slot->key.store(key, std::memory_order_relaxed);
    current_.store(larger.get());
    all_slots_.push_back(std::move(larger));
    return;
  }
  slot->block.store(block);
  slot->key.store(key, std::memory_order_release);
}

// A block that its stream outgrew goes to the others, unless a thread is about to use it.
bool Workspaces::offer(Block* block, std::uint64_t key, Stream stream) {
  if (!block->seize()) return false;
  block->done = Event::make(Event::Timing::off);
  block->done.record(stream);
  block->shared = true;
  block->last_key = key;
  block->next = pool_.load(std::memory_order_relaxed);
  pool_.store(block, std::memory_order_release);
  block->users.fetch_sub(1);
  return true;
}

// Whether there is, or now is, room for so many bytes more; `but` stays.
bool Workspaces::make_room(std::int64_t size, std::int64_t cap, const Block* but) {
  const auto over = [&] { return held_.load() + size - cap; };
  if (over() > 0) give_back(over());
  if (over() > 0) give_back_idle(over(), but);
  return over() <= 0;
}

// Of the caller's memory what no call has used since this was asked last: its stream is idle, or gone, which nobody tells. A
// stream that is used again asks for new memory.
bool Workspaces::give_back_idle(std::int64_t wanted, const Block* but) {
  if (!allocator_.allocate) return false;
  const std::uint64_t now = round_.fetch_add(1);
  const Slots& slots = *current_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i <= slots.mask && wanted > 0; ++i) {
    Slot& slot = slots.slots[i];
    Block* const block = slot.block.load();
    if (!block || block == but || block->round.load(std::memory_order_relaxed) >= now) continue;
    slot.block.store(nullptr);  // first: who finds it after that lets go of it again
    if (!block->seize()) {
      slot.block.store(block);
      continue;
    }
    wanted -= block->bytes, own_ -= block->bytes;
    empty(*block);
  }
  return wanted <= 0;
}

// Frees blocks that nothing uses until `wanted` bytes are free. The emptied ones stay in their lists.
bool Workspaces::give_back(std::int64_t wanted) {
  const auto let_go = [&](Block& block) {
    wanted -= block.bytes;
    empty(block);
  };
  for (Block* block : graphs_)
    if (wanted > 0 && block->graph_gone->load(std::memory_order_acquire)) let_go(*block);
  for (Block* block = pool_.load(std::memory_order_relaxed); block && wanted > 0; block = block->next) {
    if (block->bytes == 0 || !block->seize()) continue;
    if (driver().cuEventQuery(block->done.get()) == CUDA_SUCCESS) let_go(*block);
    block->users.fetch_sub(1);
  }
  return wanted <= 0;
}

}  // namespace ak
