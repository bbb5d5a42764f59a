// Threads of a grid that wait for each other: barriers, what warps do together, fences.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "emulate/grid.hpp"
#include "emulate/lines.hpp"

namespace ak::loop {

namespace {
constexpr Time kLatest = (Time{1} << kTimeBits) - 4 * kEpoch;
}  // namespace

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
                      fmt::format("it waits at __syncthreads, while thread {} of its warp waits at that of {}", first.index,
                                  line_text(first.line)));
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
  Warp& warp = block_->warps[static_cast<std::size_t>(thread.index / kWarp)];
  const Thread* const met =
      warp.waiting ? &block_->threads[static_cast<std::size_t>(first + std::countr_zero(warp.waiting))] : nullptr;
  warp.alike = !met || (warp.alike && met->op == op && met->mask == mask && (op == WarpOp::barrier || met->line == line));
  for (int t = first; !warp.alike && t < std::min(first + kWarp, static_cast<int>(block_->threads.size())); ++t) {
    const Thread& other = block_->threads[static_cast<std::size_t>(t)];
    if (other.state != State::warp || !(mask >> (t - first) & 1) || !(other.mask >> lane & 1)) continue;
    if (other.op != op || (op != WarpOp::barrier && other.line != line))
      diverged(fmt::format("thread {} of its warp, which its mask names, waits at another function of the warp, in {}", t,
                           line_text(other.line)),
               t);
    if (other.mask != mask) diverged(fmt::format("its mask is {:#x}, that of thread {} {:#x}", mask, t, other.mask), t);
  }
  thread.state = State::warp;
  warp.waiting |= 1u << lane;
  if (!complete_warp_op(*block_, thread)) leave(State::warp);
  return thread.result;
}

bool Grid::complete_warp_op(Block& block, Thread& thread) {
  const int first = thread.index / kWarp * kWarp, count = std::min(kWarp, static_cast<int>(block.threads.size()) - first);
  Thread* const lanes = &block.threads[static_cast<std::size_t>(first)];
  Warp& warp = block.warps[static_cast<std::size_t>(thread.index / kWarp)];
  unsigned there = 0;
  if (warp.alike) {
    there = thread.mask & ~warp.done & (~0u >> (kWarp - count));
    if (warp.waiting != there) return false;
  }
  for (int lane = 0; !warp.alike && lane < count; ++lane) {
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
  warp.waiting &= ~there;
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
      found.text += fmt::format(": thread {} {}", other->index,
                                other->state == State::done ? std::string("has ended")
                                                            : fmt::format("waits elsewhere, in {}", line_text(other->line)));
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

}  // namespace ak::loop
