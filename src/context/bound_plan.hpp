// ak::Plan's inside: a problem, and what the table had for it when it was looked at last.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>

#include "ak/ak.hpp"
#include "context/context.hpp"
#include "context/device_state.hpp"
#include "plan/plan.hpp"

namespace ak {

/// Null once the context has ended.
using ContextLife = std::shared_ptr<std::atomic<Context::Impl*>>;

struct Plan::State {
  ContextLife life;
  DeviceState* device = nullptr;  // of the context
  Problem problem;         // as it was called last
  TokenRange bucket;       // the m that it may be called with
  std::uint64_t seen = 0;  // the table's epoch then; kNever: plan is of another m
  const LaunchPlan* plan = nullptr;
  std::int64_t workspace_told = kNeverTold;  // bytes that its caller was told last

  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  static constexpr std::int64_t kNeverTold = std::numeric_limits<std::int64_t>::max();
  void take(std::int64_t m) { problem.m = m, seen = kNever; }
};

}  // namespace ak
