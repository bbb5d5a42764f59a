#include "context/common.hpp"

#include <algorithm>

#include "machine/gpu.hpp"

namespace ak {

namespace {
constexpr int kLeastUrgent = 19;  // niceness of threads for which nobody waits
}

GpuOptions gpu_options(const Settings& settings, const std::string& folder) {
  return {settings.scratch_bytes, settings.isolation, settings.worker, settings.scratch_allocator, folder};
}

Allowance allowance_of(const Settings& settings, const Machine& machine) {
  Allowance allowance;
  allowance.seconds = settings.budget_s;
  allowance.trials = settings.max_trials;
  if (settings.compile_threads > 0) allowance.compile_threads = settings.compile_threads;
  allowance.niceness = settings.mode == Mode::background ? kLeastUrgent : settings.compile_niceness;
  allowance.device_bytes = machine.device_bytes();
  if (settings.search_bytes > 0) allowance.device_bytes = std::min(allowance.device_bytes, settings.search_bytes);
  allowance.scratch_bytes = settings.scratch_bytes;
  return allowance;
}

Allowance Common::allowance(const Machine& machine) const {
  Allowance allowance = allowance_of(settings, machine);
  allowance.tokens = llm_tokens_left;
  return allowance;
}

}  // namespace ak
