// Plan: a winner ready to run. Immutable and shared between threads; launch() allocates nothing and takes no lock.
#pragma once

#include <memory>
#include <string>

#include "ak/types.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"
#include "kernels/args.cuh"

namespace ak {

/// A call's values in canonical form (core/problem.hpp): pointers, leading dimensions, scalars. workspace is left null: the
/// plan that needs one brings its own, per stream.
using CallArgs = KernelArgs;

class Plan {
 public:
  virtual ~Plan() = default;
  /// Enqueues D on the stream; legal during capture. Throws Error{driver|out_of_memory}.
  virtual void launch(Stream stream, const CallArgs& args) const = 0;
  virtual const Tactic& tactic() const = 0;
};

using PlanPtr = std::shared_ptr<const Plan>;

}  // namespace ak
