// How long a loop's kernels take, and the C function beside them, at several sizes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "loop/winner.hpp"
#include "plan/loop_plan.hpp"
#include "port/cases/data.hpp"
#include "port/report/results.hpp"

namespace ak::port {

/// A size that is timed: the integer parameters of a call.
struct TimedSize {
  loop::Values integers;
  std::int64_t size = 0;  // loop::size_of_call
  Recipe recipe;          // of the data
};

/// The call, with sizes so small that its arrays take no more than that, where that can be.
loop::Values within(const loop::Function& function, const Roles& roles, const loop::Values& call, std::int64_t most_bytes);
/// Of all arrays of such a call, as far as their lengths are known.
double array_bytes(const loop::Function& function, const loop::Values& integers);

/// The call's own size first, then a sixteenth and sixteen times of it, 4096 and a million iterations where these are far from
/// the others; each a scaling of all size parameters, within the bytes and iterations.
std::vector<TimedSize> timed_sizes(const loop::Function& function, const Roles& roles, const loop::Values& call,
                                   std::int64_t most_bytes, double most_iterations);

/// Of one size, in the current context: the data lies in the GPU's memory, and stays there.
class LoopTimer {
 public:
  /// Throws Error{out_of_memory | driver}.
  LoopTimer(Resources& resources, const loop::Function& function, const Roles& roles, const Facts& facts,
            const TimedSize& size);
  ~LoopTimer();

  /// One arm for each plan, interleaved; a run is a launch, of which several in a row are timed. Throws TimedOut,
  /// Error{driver}.
  std::vector<port::Arm> time(const std::vector<const LoopPlan*>& plans, double graph_us, int rounds, Deadline deadline);
  /// The C function, or a call, on arrays that lie where a program's own would: long ones mapped, short ones as malloc has
  /// them; the median of up to 100 runs or about that many seconds.
  double time_host(const std::function<void(void* const* arguments)>& host, double seconds);
  static constexpr int kCopies = 5;
  /// Of all arrays to the device, medians of kCopies; and of those that are written back.
  void time_copies(double& in_us, double& out_us);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ak::port
