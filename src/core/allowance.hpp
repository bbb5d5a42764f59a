// Allowance: what one search may take of the machine. Made where the search begins, and handed down to those who take it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>

#include "base/clock.hpp"
#include "base/cores.hpp"

namespace ak {

struct Allowance {
  double seconds = 3;   // wall clock: waiting, compiling, verifying and timing; libraries are opened before
  int trials = 100000;  // runs of own tactics; the vendor's candidates are the baseline and not counted
  int compile_threads = usable_cores();
  int niceness = 10;  // of these threads, added to the process's own: the application goes first
  double duty = 1;    // of the time in which trials may use the device; the seconds do not count the rests between
  std::int64_t device_bytes =
      std::numeric_limits<std::int64_t>::max();            // operands, references and scratch; no more than is free
  std::int64_t scratch_bytes = std::int64_t{2} << 30;      // of them, for workspaces, at most
  std::shared_ptr<std::atomic<std::int64_t>> tokens = {};  // an LLM's, that all searches of a context have left; null: no limit
  std::stop_token stop = {};

  /// When its seconds are spent without a rest.
  Deadline deadline() const { return Deadline::in(seconds, stop); }
  /// When its seconds are spent, with all the rests that they may have between.
  Deadline latest() const { return Deadline::in(seconds / duty, stop); }
  /// Candidates that are worth compiling ahead of the trials: three for every two threads, four at least.
  int ahead() const { return std::max(4, compile_threads * 3 / 2); }

  /// Of the device memory, in whole steps of what the driver hands out: for the launches' workspaces, and the rest.
  std::int64_t scratch() const { return std::min(scratch_bytes, device_bytes / 4) & ~((std::int64_t{2} << 20) - 1); }
  std::int64_t operands() const { return device_bytes - scratch(); }
  /// The same with a part of the device memory, in fifths: what one process of two gets.
  Allowance fifths(int count) const {
    Allowance part = *this;
    part.device_bytes = device_bytes / 5 * count;
    return part;
  }
};

}  // namespace ak
