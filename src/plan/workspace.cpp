#include "plan/workspace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "kernels/args.cuh"

namespace ak {
namespace {

constexpr std::int64_t kSmallest = std::int64_t{4} << 20;
constexpr std::size_t kFirstSlots = 64;

// The handle: cuStreamGetId fails on a stream that captures. A handle that the driver uses again names a stream that may use
// the scratch again. Two handles name other streams than themselves.
std::uint64_t key_of(Stream stream) {
  if (stream == CU_STREAM_PER_THREAD) {
    static thread_local char mine;
    return reinterpret_cast<std::uint64_t>(&mine);
  }
  return reinterpret_cast<std::uint64_t>(stream ? stream : CU_STREAM_LEGACY);
}

std::string mib(std::int64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace

Workspaces::Workspaces(CUcontext context, std::int64_t cap_bytes) : context_(context), cap_(cap_bytes) {
  all_slots_.push_back(std::make_unique<Slots>(kFirstSlots));
  current_.store(all_slots_.back().get(), std::memory_order_release);
}

Workspaces::~Workspaces() = default;

// Never the block of the empty slot where a probe ends: another stream may be moving into it, block first.
const Workspaces::Block* Workspaces::Slots::find(std::uint64_t key) const {
  for (std::size_t i = key * 0x9e3779b97f4a7c15ull >> 32;; ++i) {
    const Slot& slot = slots[i & mask];
    const std::uint64_t found = slot.key.load(std::memory_order_acquire);
    if (found == key) return slot.block.load(std::memory_order_acquire);
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

void* Workspaces::get(Stream stream, std::int64_t bytes) {
  const std::uint64_t key = key_of(stream);
  const Block* block = current_.load(std::memory_order_acquire)->find(key);
  if (block && static_cast<std::int64_t>(block->buffer.bytes()) >= bytes) [[likely]]
    return block->buffer.data();
  return grow(key, bytes);
}

void* Workspaces::grow(std::uint64_t key, std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  const Slots* slots = current_.load(std::memory_order_relaxed);
  Slot* slot = &slots->probe(key);
  if (const Block* block = slot->block.load(std::memory_order_relaxed);
      block && static_cast<std::int64_t>(block->buffer.bytes()) >= bytes)
    return block->buffer.data();  // another thread was first

  // A power of two, so that a stream outgrows few buffers; the exact size when only that fits.
  const std::int64_t held = held_.load(std::memory_order_relaxed), cap = cap_.load(std::memory_order_relaxed);
  std::int64_t size = std::bit_ceil(static_cast<std::uint64_t>(std::max(bytes, kSmallest)));
  if (held + size > cap) size = bytes;
  if (held + size > cap)
    throw Error(ErrorCode::out_of_memory,
                fmt::format("a workspace of {} does not fit: {} of at most {} are held by other streams and captured graphs",
                            mib(bytes), mib(held), mib(cap)));

  const RelaxedCapture relaxed;
  const ContextScope scope(context_);
  if (!stream_) stream_ = OwnedStream::make();
  auto block = std::make_unique<Block>();
  try {
    block->buffer = Buffer::make(static_cast<std::size_t>(size));
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("a workspace of {} ({} held so far): {}", mib(size), mib(held), error.what()));
  }
  const auto counters = std::min<std::int64_t>(size, kCounterBytes);
  check(driver().cuMemsetD8Async(block->buffer.get(), 0, static_cast<std::size_t>(counters), stream_.get()),
        "zeroing a workspace");
  stream_.synchronize();

  if (slot->key.load(std::memory_order_relaxed) == 0) {
    if (++streams_ * 2 > slots->mask) {
      auto larger = std::make_unique<Slots>((slots->mask + 1) * 2);
      for (std::size_t i = 0; i <= slots->mask; ++i) {
        const std::uint64_t old = slots->slots[i].key.load(std::memory_order_relaxed);
        if (old == 0) continue;
        Slot& moved = larger->probe(old);
        moved.block.store(slots->slots[i].block.load(std::memory_order_relaxed), std::memory_order_relaxed);
        moved.key.store(old, std::memory_order_relaxed);
      }
      current_.store(larger.get(), std::memory_order_release);
      slot = &larger->probe(key);
      all_slots_.push_back(std::move(larger));
    }
  }
  void* data = block->buffer.data();
  slot->block.store(block.get(), std::memory_order_release);
  slot->key.store(key, std::memory_order_release);
  blocks_.push_back(std::move(block));
  held_.store(held + size, std::memory_order_relaxed);
  return data;
}

}  // namespace ak
