// Runner: runs one tactic and gives a Trial.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "core/problem.hpp"
#include "core/trial.hpp"
#include "runner/timer.hpp"

namespace ak {

/// What the winner needs to run again.
struct Artifact {
  std::string cubin;        // empty for the vendor
  std::string vendor_algo;  // empty for an own kernel
};

class Runner {
 public:
  virtual ~Runner() = default;

  /// What cuBLASLt offers, fused and separate, as tactics of FamilyId::vendor: those worth a trial, fastest first. All
  /// heuristics are timed to find them, or as many as the deadline allows.
  virtual std::vector<Tactic> vendor_tactics(Deadline deadline) = 0;

  /// Starts compiling on all cores, in this order, and returns at once. Never required: run() compiles what it lacks.
  virtual void prefetch(std::span<const Tactic> tactics) = 0;
  /// What was prefetched and has not begun to compile is wanted no longer; the timing that follows gets the cores to itself.
  virtual void drop_prefetched() {}
  /// What it compiles to, which was proven for another size of the problem: it is not compiled again.
  virtual void know(const Tactic&, const std::string& cubin) { (void)cubin; }
  /// Whether run(tactic) would not wait for a compiler.
  virtual bool ready(const Tactic& tactic) = 0;

  /// Compile, look at the report, prove, time. Never throws for a bad tactic: its Trial says why. proposer and round stay
  /// empty.
  virtual Trial run(const Tactic& tactic, Effort effort, Deadline deadline) = 0;

  /// As run() at full effort, but the times, which may be left out: for a winner whose times are known.
  virtual Trial prove(const Tactic& tactic, Deadline deadline) { return run(tactic, Effort::full, deadline); }

  /// Interleaved re-timing of the last few in one window; a Trial each, in order, final_timing set. The vendor's best is
  /// among them when it was measured.
  virtual std::vector<Trial> finals(std::span<const Tactic> tactics, Deadline deadline) = 0;

  /// Where the tactic was proven and timed: "on panels of 1024 of 32768 rows, and launched whole"; empty: on all of it.
  virtual std::string extent(const Tactic&) const { return {}; }

  /// Of a tactic that ran correctly.
  virtual Artifact artifact(const Tactic& tactic) = 0;

  virtual VendorTimes vendor() = 0;
  /// Compiles done so far in this runner.
  virtual int compiles() const = 0;
  /// Drift of the vendor anchor between the first and the last window, as a fraction (0.05 = 5 %).
  virtual double anchor_drift() = 0;
  /// Most device memory that it held at once in this process, in bytes.
  virtual std::int64_t peak_bytes() const { return 0; }
};

}  // namespace ak
