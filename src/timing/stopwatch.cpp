#include "timing/stopwatch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ak {
namespace {

constexpr double kGrace = 2;             // seconds for work that was enqueued in time to end
constexpr double kUndisturbed = 0.05;    // of the replays beside others
constexpr double kBesideOthersUs = 100;  // of a graph: applications rest seldom longer
constexpr int kMoreEstimates = 5, kMoreReplays = 2, kMostReplays = 32;

// The value below which the part of them lies.
double quantile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(values.size()) * part);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double median_of(std::vector<double> values) { return quantile(std::move(values), 0.5); }

}  // namespace

double Window::typical(std::size_t arm) const {
  return quantile(us[arm], gpu == GpuFor::others_too ? kUndisturbed : 0.5);
}

double Window::ratio(std::size_t arm, std::size_t other) const {
  if (gpu == GpuFor::others_too) return typical(other) / typical(arm);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(us[arm].size(), us[other].size()); ++i) ratios.push_back(us[other][i] / us[arm][i]);
  return median_of(std::move(ratios));
}

Stopwatch::Stopwatch(GpuQueue& queue, CUfunction clocks, int sm_count, Rotation rotation, GpuFor gpu)
    : queue_(queue),
      clock_kernel_(clocks),
      sm_count_(sm_count),
      rotation_(rotation),
      gpu_(gpu),
      looks_(queue.memory().take(std::int64_t{sm_count} * 32)) {}

double Stopwatch::estimate(const Launch& launch, int rounds, Deadline deadline) {
  while (events_.size() < 2) events_.push_back(Event::make());
  std::vector<double> us;
  const bool others = gpu_ == GpuFor::others_too;
  if (others) rounds *= kMoreEstimates;
  for (int i = 0; i <= rounds; ++i) {
    events_[0].record(queue_.stream());
    launch(queue_.stream(), i % rotation_.sets);
    events_[1].record(queue_.stream());
    queue_.wait(deadline);
    if (i) us.push_back(events_[1].us_since(events_[0]));
  }
  return quantile(std::move(us), others ? 0 : 0.5);
}

Arm Stopwatch::arm(const Launch& launch, double graph_us, double estimate_us, Deadline deadline) {
  Arm arm;
  arm.us = estimate_us > 0 ? estimate_us : estimate(launch, 1, deadline);
  // Whole turns over the sets, so that a replay finds in L2 what a turn leaves there and no more.
  const int turn = rotation_.self_evicting ? 1 : rotation_.sets;
  const double one_us = gpu_ == GpuFor::others_too ? std::min(graph_us, kBesideOthersUs) : graph_us;
  const int turns = std::clamp(static_cast<int>(std::ceil(one_us / (arm.us * turn))), 1, std::max(1, 1024 / turn));
  arm.launches = turn * turns;
  if (gpu_ == GpuFor::others_too)
    arm.replays = std::clamp(static_cast<int>(kMoreReplays * graph_us / (arm.us * arm.launches)), 1, kMostReplays);
  arm.graph = Graph::capture(queue_.stream(), [&](CUstream stream) {
    for (int i = 0; i < arm.launches; ++i) launch(stream, i % rotation_.sets);
  });
  return arm;
}

void Stopwatch::look(CUdeviceptr to) {
  void* parameters[] = {&to};
  CUlaunchConfig config{};
  config.gridDimX = static_cast<unsigned>(4 * sm_count_), config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = config.blockDimY = config.blockDimZ = 1;
  config.hStream = queue_.stream();
  check(driver().cuLaunchKernelEx(&config, clock_kernel_, parameters, nullptr), "reading the clocks");
}

Window Stopwatch::window(std::span<const Arm* const> arms, int rounds, Deadline deadline,
                         const std::function<void()>& before_last) {
  const CUstream stream = queue_.stream();
  int replays = 1;
  for (const Arm* arm : arms) replays = std::max(replays, arm->replays);
  const std::size_t timed = arms.size() * static_cast<std::size_t>(replays), per_round = 2 * timed;  // an event before and after
  while (events_.size() < 2 * per_round) events_.push_back(Event::make());
  Window window;
  window.us.resize(arms.size()), window.gpu = gpu_;
  const CUdeviceptr out = looks_.get();
  const auto words = static_cast<std::size_t>(2 * sm_count_);
  check(driver().cuMemsetD8Async(out, 0, looks_.bytes(), stream), "clearing clocks");

  for (const Arm* arm : arms) arm->graph.launch(stream);
  look(out);
  // One round is enqueued ahead of the one that is waited for, so that the GPU never idles between them.
  const auto enqueue = [&](int round, bool last) {
    const Event* events = &events_[static_cast<std::size_t>(round % 2) * per_round];
    for (std::size_t i = 0; i < timed; ++i) {
      if (last && i + 1 == timed && before_last) before_last();
      events[2 * i].record(stream);
      arms[i % arms.size()]->graph.launch(stream);
      events[2 * i + 1].record(stream);
    }
  };
  const auto collect = [&](int round) {
    const Event* events = &events_[static_cast<std::size_t>(round % 2) * per_round];
    queue_.wait(events[per_round - 1], Deadline::in(std::max(deadline.remaining(), kGrace)));
    for (std::size_t i = 0; i < timed; ++i)
      window.us[i % arms.size()].push_back(events[2 * i + 1].us_since(events[2 * i]) / arms[i % arms.size()]->launches);
  };
  const auto start = Clock::now();
  queue_.wait(deadline);
  int enqueued = 0, collected = 0;
  bool last = false;
  while (!last) {
    const double per = enqueued ? seconds_since(start) / enqueued : 0;
    last = enqueued + 1 >= rounds || (enqueued > 0 && deadline.remaining() < 3 * per);
    enqueue(enqueued++, last);
    if (enqueued >= 2) collect(collected++);
  }
  look(out + words * sizeof(std::uint64_t));
  queue_.wait(Deadline::in(std::max(deadline.remaining(), kGrace)));
  while (collected < enqueued) collect(collected++);

  std::vector<std::uint64_t> looks(2 * words);
  check(driver().cuMemcpyDtoHAsync(looks.data(), out, looks.size() * 8, stream), "reading clocks");
  queue_.wait(Deadline::in(kGrace));
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
