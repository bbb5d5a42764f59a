// What emulated kernels do wrong, for a person.
#include <fmt/format.h>
#include <ucontext.h>

#include <algorithm>
#include <utility>

#include "emulate/grid.hpp"
#include "emulate/lines.hpp"

namespace ak::loop {

namespace {

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
  if (fault.line > 0) text += ", " + line_text(fault.line);
  if (fault.line > kPreludeLines) fault.line = 0;
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
  Grid* const grid = running_;
  if (!grid || !grid->thread_ || grid->stopped_) {
    ::signal(signal, SIG_DFL);
    return;
  }
  Fault found = grid->fault(FaultKind::crash);
  found.text = signal == SIGFPE   ? "an integer division by zero"
               : signal == SIGILL ? "an instruction that must not be reached"
               : signal == SIGSYS ? "a call of the system, which kernels have not"
                                  : "an access that ends the process, or a stack that overflowed";
  grid->stop(std::move(found));
}

// A loop of which the compiler left nothing but a jump takes no step.
void Grid::ticked(int, siginfo_t*, void* context) {
  Grid& grid = *running_;
  const std::int64_t steps = *grid.object_.object().steps;
  if (steps == std::exchange(grid.steps_at_tick_, steps) && grid.thread_ && grid.object_.constant(interrupted_at(context), 1)) {
    Fault found = grid.fault(FaultKind::steps);
    found.text = "it goes round a loop that can never end";
    grid.stop(std::move(found));
  }
}

}  // namespace ak::loop
