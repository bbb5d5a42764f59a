#include "proof/rotating_sets.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "proof/panel.hpp"

namespace ak {
namespace {

constexpr int kMostSets = 64;
constexpr std::int64_t kSetGuardBytes = 4 << 10;
constexpr std::int64_t kMostBytes = std::int64_t{2} << 30;  // of all sets, but for problems of which two are larger

}  // namespace

std::int64_t RotatingSets::least_bytes(const Problem& problem) {
  return make_layout(problem, Spacing::tight, kSetGuardBytes).bytes;
}

RotatingSets::RotatingSets(const GpuQueue& queue, const Probe& probe, const Problem& problem, const DeviceFacts& device)
    : layout_(make_layout(problem, Spacing::tight, kSetGuardBytes)) {
  const std::int64_t wanted = 3 * device.l2_bytes;
  self_evicting_ = layout_.bytes > wanted;
  const std::int64_t sets = std::clamp<std::int64_t>((wanted + layout_.bytes - 1) / layout_.bytes, 2, kMostSets);
  const std::int64_t most = std::min(std::max(kMostBytes, 2 * layout_.bytes), queue.memory().left() - case_bytes(problem));
  const int count = static_cast<int>(std::clamp<std::int64_t>(most / layout_.bytes, 1, sets));
  if (count < sets)
    log(LogLevel::warn,
        "{}: timed over {} of {} sets of operands, for no more device memory may be taken: what is left in L2 from "
        "one launch to the next makes times shorter than they will be",
        to_string(problem), count, sets);
  memory_ = queue.memory().take(layout_.bytes * count);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t at = base(i);
    CallArgs args = layout_.args(problem, at);
    for (const Region* region : layout_.inputs()) probe.poison(queue.stream(), at, *region, Verifier::kPoison);
    fill_inputs(queue, probe, problem, layout_, at, Data::normal, 100 + i, args);
    args_.push_back(args);
  }
}

}  // namespace ak
