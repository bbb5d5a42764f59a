#include "gpu/gpu_queue.hpp"

#include <chrono>
#include <thread>
#include <utility>

namespace ak {

GpuQueue::GpuQueue(DeviceShare memory)
    : memory_(std::move(memory)), stream_(OwnedStream::make()), mark_(Event::make(Event::Timing::off)) {}

void GpuQueue::wait(Deadline deadline) {
  mark_.record(stream());
  wait(mark_, deadline);
}

void GpuQueue::wait(const Event& event, Deadline deadline) {
  const auto start = Clock::now();
  while (!event.done()) {
    if (deadline.passed()) {
      overdue_ = true;
      throw TimedOut{};
    }
    // Spin while the answer is near; a long kernel need not cost a core.
    if (seconds_since(start) < 1e-3)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

const std::string& GpuQueue::fault() {
  if (fault_.empty()) {
    const CUresult result = driver().cuStreamQuery(stream());
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY) fault_ = describe(result);
  }
  return fault_;
}

bool GpuQueue::drain(double seconds) {
  const auto deadline = Deadline::in(seconds);
  for (;;) {
    const CUresult result = driver().cuStreamQuery(stream());
    if (result == CUDA_SUCCESS) return overdue_ = false, true;
    if (result != CUDA_ERROR_NOT_READY) return fault(), false;
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace ak
