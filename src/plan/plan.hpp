// LaunchPlan: a winner ready to run. Immutable and shared between threads; a launch allocates nothing and takes no lock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ak/types.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"
#include "plan/call_args.hpp"

namespace ak {

/// Nothing is enqueued: a caller's workspace is smaller than the plan's.
struct SmallWorkspace : Error {
  using Error::Error;
};

class LaunchPlan {
 public:
  LaunchPlan() = default;
  LaunchPlan(const LaunchPlan&) = delete;  // a PlanPtr is shared instead
  LaunchPlan& operator=(const LaunchPlan&) = delete;
  virtual ~LaunchPlan() = default;
  /// Enqueues D on the stream; legal during capture. False, with nothing enqueued, where its workspace is not to be had.
  /// Throws Error{driver}, and SmallWorkspace.
  [[nodiscard]] virtual bool try_launch(Stream stream, const CallArgs& args) const = 0;
  /// The same; Error{out_of_memory} instead of false.
  void launch(Stream stream, const CallArgs& args) const {
    if (try_launch(stream, args)) [[likely]]
      return;
    refuse();
  }
  /// Of a launch with its problem's own leading dimensions; 0: it always runs.
  virtual std::int64_t workspace_bytes() const { return 0; }
  virtual const Tactic& tactic() const = 0;

 protected:
  [[noreturn]] static void refuse_workspace(std::int64_t bytes, std::int64_t needed);

 private:
  [[noreturn]] void refuse() const;
};

using PlanPtr = std::shared_ptr<const LaunchPlan>;

}  // namespace ak
