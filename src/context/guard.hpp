// Guard: one call in so many is run beside cuBLASLt before it runs: on the caller's stream, into memory of the guard's own, and
// nobody waits. The device's tuner thread judges it later. An own kernel that is slower, or gives something else, makes way.
#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "context/common.hpp"
#include "context/sampling.hpp"
#include "context/served.hpp"
#include "gpu/owners.hpp"
#include "plan/call_args.hpp"
#include "tune/service.hpp"

namespace ak {

class DeviceState;

class Guard {
 public:
  /// All of it outlives the guard, which outlives what its service runs.
  Guard(Common& common, TuningService& service, DeviceState& device, int every);
  ~Guard();

  /// Whether this call is one to check: one in `every`.
  bool due() { return sampling_.due(); }
  /// Enqueues the plan, cuBLASLt's, and the plan again. The call's own launch follows. Nothing where the plan is cuBLASLt's, in
  /// a capture, and while another check of the device is under way.
  void check(Stream stream, const Problem& problem, const CallArgs& args, const LaunchPlan& plan);

 private:
  class Preparation;
  class Judgement;
  /// What a problem's calls are held to.
  struct Rival {
    PlanPtr plan;                // null: nothing is
    std::int64_t bytes = 0;      // of one result that there is room for
    std::vector<double> ratios;  // own time over its
    int mismatches = 0;          // one after the other
  };
  /// A check under way.
  struct Sample {
    Problem problem;
    Tactic tactic;
    CallArgs args;                       // of the call; only shapes are looked at
    std::int64_t aux_at = 0, bytes = 0;  // of a result: D, then aux
  };
  enum Result { first, rivals, again, kResults };

  void start(std::shared_ptr<TuningWork> work);
  void prepare(const Problem& problem, std::int64_t bytes);
  void judge(const Sample& sample, const Turn& turn);
  std::string difference(const Sample& sample, bool& sure);
  void demote(const Sample& sample, const std::string& why);
  void prove_again(const Sample& sample, const Turn& turn);
  void keep_provisional(const Sample& sample, const std::string& why);

  Common& common_;
  TuningService& service_;
  DeviceState& device_;
  Sampling sampling_;  // a suspect: a problem is to be met again soon
  std::mutex mutex_;   // of what follows
  bool busy_ = false;  // a check or a preparation is under way, and has the memory
  Problem suspect_;
  PerProblem<Rival> rivals_;
  std::uint64_t works_ = 0;
  Buffer memory_;  // three results
  OwnedStream stream_;
  std::array<Event, 3> events_;  // before cuBLASLt's, after it, after all
};

}  // namespace ak
