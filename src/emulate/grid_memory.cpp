// Every access of an emulated kernel: to which array it goes, and whether it has an order with those before it.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "emulate/grid.hpp"

namespace ak::loop {

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

// Of any length: what lies outside stops the run before its size matters.
void Grid::access_range(std::uintptr_t address, std::uint64_t bytes, unsigned how) {
  constexpr std::uint64_t kPiece = 1 << 16;
  for (; bytes > 0; address += kPiece) {
    const std::uint64_t piece = std::min(bytes, kPiece);
    access(address, static_cast<unsigned>(piece), how);
    bytes -= piece;
  }
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

}  // namespace ak::loop
