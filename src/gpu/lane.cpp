#include "gpu/lane.hpp"

#include <chrono>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace ak {
namespace {

struct IdleStreams {
  std::mutex mutex;
  std::map<std::uint64_t, std::vector<OwnedStream>> by_context;
};
IdleStreams& idle_streams() {
  static auto* streams = new IdleStreams;  // never destroyed: the driver may be gone by then
  return *streams;
}

OwnedStream acquire() {
  IdleStreams& idle = idle_streams();
  {
    const std::lock_guard lock(idle.mutex);
    auto& free = idle.by_context[context_id(current_context())];
    if (!free.empty()) {
      OwnedStream stream = std::move(free.back());
      free.pop_back();
      return stream;
    }
  }
  return OwnedStream::make();
}

}  // namespace

Lane::Lane() : stream_(acquire()), mark_(Event::make(Event::Timing::off)) {}

Lane::~Lane() {
  if (!stream_.alive() || driver().cuStreamQuery(stream()) != CUDA_SUCCESS) return;  // busy or lost: it goes with its owner
  IdleStreams& idle = idle_streams();
  const std::lock_guard lock(idle.mutex);
  idle.by_context[stream_.context_id()].push_back(std::move(stream_));
}

void Lane::wait(Deadline deadline) {
  mark_.record(stream());
  wait(mark_, deadline);
}

void Lane::wait(const Event& event, Deadline deadline) {
  const auto start = Clock::now();
  while (!event.done()) {
    if (deadline.passed()) throw TimedOut{};
    // Spin while the answer is near; a long kernel need not cost a core.
    if (seconds_since(start) < 1e-3)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

const std::string& Lane::fault() {
  if (fault_.empty()) {
    const CUresult result = driver().cuStreamQuery(stream());
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY) fault_ = describe(result);
  }
  return fault_;
}

bool Lane::drain(double seconds) {
  const auto deadline = Deadline::in(seconds);
  for (;;) {
    const CUresult result = driver().cuStreamQuery(stream());
    if (result == CUDA_SUCCESS) return true;
    if (result != CUDA_ERROR_NOT_READY) return fault(), false;
    if (deadline.passed()) {
      fault_ = "a kernel did not end";
      return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace ak
