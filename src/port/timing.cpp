#include "port/timing.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "gpu/gpu_queue.hpp"
#include "plan/resources.hpp"
#include "port/cases/case_on_device.hpp"
#include "timing/stopwatch.hpp"

namespace ak::port {

namespace {

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// Of two sizes that multiply, the root.
loop::Values scaled(const Roles& roles, loop::Values call, double factor) {
  for (const std::string& name : roles.sizes)
    if (const auto value = call.find(name); value != call.end())
      value->second = std::max<std::int64_t>(
          1, std::llround(static_cast<double>(value->second) * std::pow(factor, 1.0 / std::max(1, roles.depth))));
  return call;
}

// A copy of an array where a program's own would lie: malloc maps it apart if it is no shorter than this. The process that
// times may have freed longer ones, after which malloc takes the heap, and where an array lies decides what a call asks the
// driver.
class Mapped {
 public:
  static constexpr std::size_t kLeast = std::size_t{128} << 10;

  explicit Mapped(const std::vector<std::byte>& from) : bytes_(from.size()) {
    at_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at_ == MAP_FAILED) throw std::bad_alloc();
    std::memcpy(at_, from.data(), bytes_);
  }
  ~Mapped() { ::munmap(at_, bytes_); }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  void* at() const { return at_; }

 private:
  void* at_;
  std::size_t bytes_;
};

}  // namespace

double array_bytes(const loop::Function& function, const loop::Values& integers) {
  double bytes = 0;
  for (const loop::Parameter& parameter : function.parameters) {
    if (!parameter.pointer) continue;
    double elements = 1;
    for (const loop::Term& extent : parameter.extents)
      elements *= static_cast<double>(loop::evaluate(extent, integers).value_or(1));
    bytes += elements * size_of(parameter.type);
  }
  return bytes;
}

loop::Values within(const loop::Function& function, const Roles& roles, const loop::Values& call, std::int64_t most_bytes) {
  loop::Values values = call;
  for (double factor = 0.5; array_bytes(function, values) > static_cast<double>(most_bytes); factor /= 2) {
    loop::Values smaller = scaled(roles, call, factor);
    if (smaller == values) break;  // as small as it gets
    values = std::move(smaller);
  }
  return values;
}

std::vector<TimedSize> timed_sizes(const loop::Function& function, const Roles& roles, const loop::Values& call,
                                   std::int64_t most_bytes, double most_iterations) {
  std::vector<TimedSize> sizes;
  const auto add = [&](double factor) {
    TimedSize size;
    size.integers = factor == 1 ? call : scaled(roles, call, factor);
    size.size = loop::size_of_call(function, size.integers);
    const bool own = sizes.empty();
    if (!own && (array_bytes(function, size.integers) > static_cast<double>(most_bytes) ||
                 iterations(function, size.integers) > most_iterations))
      return;
    for (const TimedSize& other : sizes) {
      const double ratio = static_cast<double>(std::max<std::int64_t>(1, size.size)) /
                           static_cast<double>(std::max<std::int64_t>(1, other.size));
      if (ratio > 0.3 && ratio < 3) return;
    }
    sizes.push_back(std::move(size));
  };
  add(1);
  const double own = static_cast<double>(std::max<std::int64_t>(1, sizes[0].size));
  for (const double factor : {1 / 16.0, 16.0, 4096 / own, 1e6 / own}) add(factor);
  return sizes;
}

struct LoopTimer::Impl {
  Impl(Resources& of, const loop::Function& function, const Roles& roles, const Facts& facts, const TimedSize& size)
      : resources(of), given(make_case(function, roles, facts, size.integers, size.recipe)) {
    std::vector<std::uint64_t> begins;
    for (Memory& memory : given.memories) {
      void* at = memory.bytes.data();
      if (memory.bytes.size() >= Mapped::kLeast) at = mapped.emplace_back(std::make_unique<Mapped>(memory.bytes))->at();
      begins.push_back(reinterpret_cast<std::uint64_t>(at));
    }
    on_host = argument_bits(given, begins), host_arguments = addresses_of(on_host);
    std::vector<bool> written(given.memories.size());
    for (const Argument& argument : given.arguments)
      if (argument.pointer && !argument.constant) written[static_cast<std::size_t>(argument.memory)] = true;
    for (std::size_t i = 0; i < written.size(); ++i)
      if (written[i]) outputs.push_back(i);
  }

  Resources& resources;
  Case given;
  const CaseOnDevice device{given};
  GpuQueue queue;
  std::vector<std::size_t> outputs;
  std::vector<std::unique_ptr<Mapped>> mapped;
  std::vector<std::uint64_t> on_host;
  std::vector<void*> host_arguments;
};

LoopTimer::LoopTimer(Resources& resources, const loop::Function& function, const Roles& roles, const Facts& facts,
                     const TimedSize& size)
    : impl_(std::make_unique<Impl>(resources, function, roles, facts, size)) {}
LoopTimer::~LoopTimer() = default;

std::vector<port::Arm> LoopTimer::time(const std::vector<const LoopPlan*>& plans, double graph_us, int rounds,
                                       Deadline deadline) {
  impl_->device.upload();
  Stopwatch stopwatch(impl_->queue, impl_->resources.support_kernel("ak_clocks"), impl_->resources.facts().sm_count, {});
  std::vector<ak::Arm> arms;
  for (const LoopPlan* plan : plans)
    arms.push_back(stopwatch.arm(
        [&, plan](CUstream stream, int) {
          if (!plan->try_launch(stream, impl_->device.arguments()))
            throw Error(ErrorCode::out_of_memory, "no scratch memory for a kernel");
        },
        graph_us, 0, deadline));
  std::vector<const ak::Arm*> pointers;
  for (const ak::Arm& arm : arms) pointers.push_back(&arm);
  const Window window = stopwatch.window(pointers, rounds, deadline);
  std::vector<port::Arm> timed;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const std::vector<double>& us = window.us[i];
    const auto runs = static_cast<std::int64_t>(us.size()) * arms[i].launches;
    timed.push_back({window.typical(i), *std::min_element(us.begin(), us.end()),
                     static_cast<int>(std::min<std::int64_t>(runs, std::numeric_limits<int>::max())), false});
  }
  return timed;
}

double LoopTimer::time_host(const std::function<void(void* const* arguments)>& host, double seconds) {
  constexpr int kRuns = 100, kWarm = 10;
  std::vector<double> times;
  const Deadline deadline = Deadline::in(seconds);
  for (int run = 0; run < kWarm + kRuns; ++run) {
    const auto start = Clock::now();
    host(impl_->host_arguments.data());
    const double took = seconds_since(start) * 1e6;
    if (run >= kWarm || deadline.passed()) times.push_back(took);
    if (deadline.passed() && times.size() >= 3) break;
  }
  return median(std::move(times));
}

void LoopTimer::time_copies(double& in_us, double& out_us) {
  std::vector<double> in, out;
  for (int run = 0; run < kCopies; ++run) {
    auto start = Clock::now();
    impl_->device.upload();
    in.push_back(seconds_since(start) * 1e6);
    start = Clock::now();
    for (const std::size_t i : impl_->outputs) impl_->device.download(i, impl_->given.memories[i]);
    out.push_back(seconds_since(start) * 1e6);
  }
  in_us = median(std::move(in)), out_us = median(std::move(out));
}

}  // namespace ak::port
