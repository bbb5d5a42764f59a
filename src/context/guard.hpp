// Guard: one call in so many is run beside cuBLASLt before it runs: on the caller's stream, into memory of the guard's own, and
// nobody waits. The device's tuner thread judges it later. An own kernel that is slower, or gives something else, makes way.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <string>

#include "context/check_bench.hpp"
#include "context/check_findings.hpp"
#include "context/common.hpp"
#include "context/retry.hpp"
#include "context/served.hpp"
#include "plan/call_args.hpp"
#include "tune/service.hpp"

namespace ak {

class DeviceState;

class Guard {
 public:
  /// All of it outlives the guard, which outlives what its service runs.
  Guard(Common& common, TuningService& service, DeviceState& device, int every);

  /// Whether this call is one to check: one in `every`.
  bool due() { return bench_.sampling.due(); }
  /// Enqueues the plan, cuBLASLt's, and the plan again. The call's own launch follows. Nothing where the plan is cuBLASLt's, in
  /// a capture, and while another check of the device is under way.
  void check(Stream stream, const Problem& problem, const CallArgs& args, const LaunchPlan& plan);

 private:
  /// What a problem's calls are held to.
  struct Rival {
    PlanPtr plan;        // null: there is none yet, or
    bool never = false;  // cuBLASLt does not serve it, or its results are too large
    Findings findings;   // of the own kernel beside it
    Retry room;          // of the plan, and of memory for the results
  };
  /// A check under way.
  struct Sample {
    Problem problem;
    Tactic tactic;
    CallArgs args;                       // of the call; only shapes are looked at
    std::int64_t aux_at = 0, bytes = 0;  // of a result: D, then aux
  };
  enum Result { first, rivals, again, kResults };

  void prepare(const Problem& problem, std::int64_t bytes);
  void poison();
  void judge(const Sample& sample, const Turn& turn);
  std::string difference(const Sample& sample, bool& sure);
  void demote(const Sample& sample, const std::string& why);
  void prove_again(const Sample& sample, const Turn& turn);
  void keep_provisional(const Sample& sample, const std::string& why);

  Common& common_;
  DeviceState& device_;
  Problem suspect_;  // under the bench's lock, as what follows
  PerProblem<Rival> rivals_;
  CheckBench bench_;  // memory: three results; events: before cuBLASLt's, after it, after all
};

}  // namespace ak
