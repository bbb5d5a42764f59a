// Are a loop's kernels right? Every case of a plan, in every order of threads, judged against the C function.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "port/cases/expected_cases.hpp"

namespace ak::port {

enum class Cause : std::uint8_t {
  none,
  compile,     // no compiler takes the kernels
  race,        // two threads meet in one element
  bounds,      // an access outside of an array
  divergence,  // threads that wait at different barriers, or for what never comes
  steps,       // beyond the step limit
  fault,       // a trap, a crash
  incorrect,   // another result than the C function's
  unproven,    // the C function is so ill-conditioned on most cases that any result would do
};
constexpr std::string_view name(Cause cause) {
  constexpr std::string_view kNames[] = {"none",  "compile", "race",      "bounds",  "divergence",
                                         "steps", "fault",   "incorrect", "unproven"};
  return kNames[static_cast<int>(cause)];
}

/// What kernels did on a case.
struct KernelRun {
  Cause cause = Cause::none;
  std::string fault;         // of another cause, for a person
  std::vector<Memory> left;  // the case's memories, where there is none
};
/// Runs them in the order of that number. Throws what keeps it from running them.
using RunKernels = std::function<KernelRun(const Case&, int order)>;

struct Proof {
  int cases = 0, done = 0;  // of the plan, and those which were right in every order
  int weak = 0;             // of these: too ill-conditioned to count as evidence
  Cause cause = Cause::none;
  std::string why;  // "race: b[5] is written by ... (n=257 ties, order 2)"

  bool right() const { return cause == Cause::none && done == cases; }
  std::string text() const;  // "right 48/48", "wrong at 3/48: incorrect: b[5] is 2, not 1 (n=33 mixed, order 1)"
};

/// From where `so_far` ended, up to the first fault or the deadline: then done < cases, without a cause, and it can go on
/// later. Throws what `run` and Oracle::run throw.
Proof prove(ExpectedCases& cases, bool same_bits, int orders, const RunKernels& run, Deadline deadline, Proof so_far = {});

}  // namespace ak::port
