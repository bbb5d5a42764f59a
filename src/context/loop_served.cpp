#include "context/loop_served.hpp"

#include <algorithm>
#include <cmath>

#include "gpu/driver.hpp"
#include "loop/dispatch.hpp"

namespace ak {

const loop::SizeRow* LoopServed::row(std::int64_t size) const {
  const loop::SizeRow* nearest = nullptr;
  double least = 0;
  for (const loop::SizeRow& each : winner.sizes) {
    const double apart = std::abs(std::log(static_cast<double>(std::max<std::int64_t>(1, each.size))) -
                                  std::log(static_cast<double>(std::max<std::int64_t>(1, size))));
    if (!nearest || apart < least) nearest = &each, least = apart;
  }
  return nearest;
}

const LoopPlan* LoopServed::plan(std::int64_t size) const {
  if (plans.empty()) return nullptr;
  const loop::SizeRow* of = row(size);
  const std::size_t which = of && of->kernel >= 0 ? static_cast<std::size_t>(of->kernel) : 0;
  return plans[std::min(which, plans.size() - 1)].get();
}

bool LoopServed::host_wins(std::int64_t size, LoopMemory::Where where) const {
  if (plans.empty()) return true;
  const loop::SizeRow* of = row(size);
  const bool on_host = where == LoopMemory::Where::host;
  return of ? loop::host_is_faster(*of, on_host) : on_host;
}

LoopServedPtr load_loop(Resources& resources, Workspaces* scratch, const loop::Function& function, loop::Winner winner,
                        const std::vector<std::string>& images, std::string source, std::string note, Standing standing) {
  auto served = std::make_shared<LoopServed>();
  for (std::size_t i = 0; i < winner.kernels.size() && i < images.size(); ++i)
    served->plans.push_back(
        std::make_shared<const LoopPlan>(resources, resources.module(images[i]), function, winner.kernels[i], scratch));
  served->winner = std::move(winner), served->source = std::move(source), served->note = std::move(note);
  served->standing = standing;
  return served;
}

LoopCopies::LoopCopies(To to, const LoopPrototype& prototype, const LoopMemory& memory, const LoopValues& values, Stream stream)
    : to_(to), stream_(stream), blocks_(blocks_of(prototype, memory)), values_(values) {
  for (LoopBlock& block : blocks_) {
    const auto bytes = static_cast<std::size_t>(block.bytes);
    block.copy = to_ == To::device ? device_.emplace_back(Buffer::make(bytes)).data<char>() : host_.emplace_back(bytes).data();
    copy(block, false);
  }
  if (to_ == To::host) check(driver().cuStreamSynchronize(static_cast<CUstream>(stream_)), "waiting for the arrays of a loop");
  std::vector<LoopMemory::Region> regions = memory.regions;
  move_to_copies(blocks_, regions, values_);
}

// Device memory must outlive the work on it.
LoopCopies::~LoopCopies() {
  if (to_ == To::device) driver().cuStreamSynchronize(static_cast<CUstream>(stream_));
}

void LoopCopies::copy(const LoopBlock& block, bool back) {
  const bool up = (to_ == To::device) != back;
  const CUstream on = static_cast<CUstream>(stream_);
  const auto bytes = static_cast<std::size_t>(block.bytes);
  char* const device = to_ == To::device ? block.copy : block.begin;
  char* const host = to_ == To::device ? block.begin : block.copy;
  check(up ? driver().cuMemcpyHtoDAsync(reinterpret_cast<CUdeviceptr>(device), host, bytes, on)
           : driver().cuMemcpyDtoHAsync(host, reinterpret_cast<CUdeviceptr>(device), bytes, on),
        "copying the arrays of a loop");
}

void LoopCopies::copy_back() {
  for (const LoopBlock& block : blocks_)
    if (block.written) copy(block, true);
  check(driver().cuStreamSynchronize(static_cast<CUstream>(stream_)), "waiting for the arrays of a loop");
}

}  // namespace ak
