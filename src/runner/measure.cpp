#include "runner/measure.hpp"

#include <algorithm>
#include <cmath>

namespace ak {
namespace {

constexpr int kMostSets = 64;
constexpr std::int64_t kGuardBytes = 4 << 10;
constexpr std::int64_t kMostBytes = std::int64_t{2} << 30;  // of all sets, but for problems of which two are larger
constexpr double kGrace = 2;                                // seconds for work that was enqueued in time to end

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::int64_t RotatingSets::least_bytes(const Problem& problem) {
  return make_layout(problem, Spacing::tight, kGuardBytes).bytes;
}

RotatingSets::RotatingSets(const Lane& lane, const Probe& probe, const Problem& problem, const DeviceFacts& device)
    : layout_(make_layout(problem, Spacing::tight, kGuardBytes)) {
  const std::int64_t wanted = 3 * device.l2_bytes;
  self_evicting_ = layout_.bytes > wanted;
  const std::int64_t sets = std::clamp<std::int64_t>((wanted + layout_.bytes - 1) / layout_.bytes, 2, kMostSets);
  const std::int64_t most = std::min(std::max(kMostBytes, 2 * layout_.bytes), device_memory().free / 2);
  const int count = static_cast<int>(std::clamp<std::int64_t>(most / layout_.bytes, 1, sets));
  memory_ = Buffer::make(static_cast<std::size_t>(layout_.bytes) * count);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t at = base(i);
    KernelArgs args = layout_.args(problem, at);
    for (const Region* region : layout_.inputs()) probe.poison(lane.stream(), at, *region, Verifier::kPoison);
    fill_inputs(lane, probe, problem, layout_, at, Data::normal, 100 + i, args);
    args_.push_back(args);
  }
}

double Window::median(std::size_t arm) const { return median_of(us[arm]); }

double Window::ratio(std::size_t arm, std::size_t other) const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(us[arm].size(), us[other].size()); ++i) ratios.push_back(us[other][i] / us[arm][i]);
  return median_of(std::move(ratios));
}

Stopwatch::Stopwatch(Lane& lane, const Probe& probe, const RotatingSets& sets, int sm_count)
    : lane_(lane),
      probe_(probe),
      sets_(sets),
      sm_count_(sm_count),
      clocks_(Buffer::make(static_cast<std::size_t>(sm_count) * 32)) {}

double Stopwatch::estimate(const Plan& plan, int rounds, Deadline deadline) {
  while (events_.size() < 2) events_.push_back(Event::make());
  std::vector<double> us;
  for (int i = 0; i <= rounds; ++i) {
    events_[0].record(lane_.stream());
    plan.launch(lane_.stream(), sets_.args(i % sets_.count()));
    events_[1].record(lane_.stream());
    lane_.wait(deadline);
    if (i) us.push_back(events_[1].us_since(events_[0]));
  }
  return median_of(std::move(us));
}

Arm Stopwatch::arm(const Plan& plan, double graph_us, double estimate_us, Deadline deadline) {
  Arm arm;
  arm.plan = &plan;
  arm.us = estimate_us > 0 ? estimate_us : estimate(plan, 1, deadline);
  // Whole turns over the sets, so that a replay finds in L2 what a turn leaves there and no more.
  const int turn = sets_.self_evicting() ? 1 : sets_.count();
  const int turns = std::clamp(static_cast<int>(std::ceil(graph_us / (arm.us * turn))), 1, std::max(1, 1024 / turn));
  arm.launches = turn * turns;
  arm.graph = Graph::capture(lane_.stream(), [&](CUstream stream) {
    for (int i = 0; i < arm.launches; ++i) plan.launch(stream, sets_.args(i % sets_.count()));
  });
  return arm;
}

Window Stopwatch::window(std::span<const Arm* const> arms, int rounds, Deadline deadline,
                         const std::function<void()>& before_last) {
  const CUstream stream = lane_.stream();
  const std::size_t per_round = 2 * arms.size();  // an event before and after each arm
  while (events_.size() < 2 * per_round) events_.push_back(Event::make());
  Window window;
  window.us.resize(arms.size());
  const auto out = clocks_.get();
  const auto words = static_cast<std::size_t>(2 * sm_count_);
  check(driver().cuMemsetD8Async(out, 0, clocks_.bytes(), stream), "clearing clocks");

  for (const Arm* arm : arms) arm->graph.launch(stream);
  probe_.clocks(stream, reinterpret_cast<std::uint64_t*>(out), sm_count_);
  // One round is enqueued ahead of the one that is waited for, so that the GPU never idles between them.
  const auto enqueue = [&](int round, bool last) {
    const Event* events = &events_[static_cast<std::size_t>(round % 2) * per_round];
    for (std::size_t i = 0; i < arms.size(); ++i) {
      if (last && i + 1 == arms.size() && before_last) before_last();
      events[2 * i].record(stream);
      arms[i]->graph.launch(stream);
      events[2 * i + 1].record(stream);
    }
  };
  const auto collect = [&](int round) {
    const Event* events = &events_[static_cast<std::size_t>(round % 2) * per_round];
    lane_.wait(events[per_round - 1], Deadline::in(std::max(deadline.remaining(), kGrace)));
    for (std::size_t i = 0; i < arms.size(); ++i)
      window.us[i].push_back(events[2 * i + 1].us_since(events[2 * i]) / arms[i]->launches);
  };
  const auto start = Clock::now();
  lane_.wait(deadline);
  int enqueued = 0, collected = 0;
  bool last = false;
  while (!last) {
    const double per = enqueued ? seconds_since(start) / enqueued : 0;
    last = enqueued + 1 >= rounds || (enqueued > 0 && deadline.remaining() < 3 * per);
    enqueue(enqueued++, last);
    if (enqueued >= 2) collect(collected++);
  }
  probe_.clocks(stream, reinterpret_cast<std::uint64_t*>(out) + words, sm_count_);
  lane_.wait(Deadline::in(std::max(deadline.remaining(), kGrace)));
  while (collected < enqueued) collect(collected++);

  std::vector<std::uint64_t> looks(2 * words);
  check(driver().cuMemcpyDtoHAsync(looks.data(), out, looks.size() * 8, stream), "reading clocks");
  lane_.wait(Deadline::in(kGrace));
  std::vector<double> mhz;
  for (int sm = 0; sm < sm_count_; ++sm) {
    const std::uint64_t *from = &looks[2 * static_cast<std::size_t>(sm)], *to = from + words;
    if (from[1] && to[1] > from[1])
      mhz.push_back(1e3 * static_cast<double>(to[0] - from[0]) / static_cast<double>(to[1] - from[1]));
  }
  window.clock_mhz = median_of(std::move(mhz));
  return window;
}

}  // namespace ak
