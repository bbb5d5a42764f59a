// The arms of a comparison: proven candidates beside each other, and beside the C function, at each size.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "port/c/c_bench.hpp"
#include "port/cases/expected_cases.hpp"
#include "port/port.hpp"
#include "port/timing.hpp"

namespace ak::port {

/// The C function as its user's compiler makes it. Compiled beside the proofs, which take longer.
struct CArms {
  /// Null where none is asked for, or it is said why not.
  std::unique_ptr<CBench> plain, fast_math, openmp;
};
CArms c_arms(const PortRequest& request, Deadline deadline, const std::function<void(const std::string&)>& note);

struct ArmsOf {
  const PortRequest& request;
  const PortGpu& gpu;
  const Roles& roles;
  const Facts& facts;
  CArms c;
  ExpectedCases& cases;                                         // which the OpenMP arm is held to
  Deadline& deadline;                                           // later by the rests
  std::function<void(const std::string&)> note;                 // of what was left out, why
  std::function<bool(const Tried&, const TimedSize&)> may_run;  // in this process, at that size
};

/// Times those that passed (at least one) at those of the sizes that the function `bears`, and says in `ported` which kernel
/// wins at each: winner, images, timings, Tried::times. Sizes behind the deadline are left (Winner::unfinished); the first is
/// not. Throws Error{driver}.
void time_arms(ArmsOf of, const std::vector<TimedSize>& sizes, const std::function<bool(const TimedSize&)>& bears,
               const std::vector<Tried*>& passed, Ported& ported);

}  // namespace ak::port
