// Trial: one tactic's outcome, kept whatever it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tactic.hpp"

namespace ak {

/// Kernel Tuner's T4 invalidity classes, plus spills.
enum class Outcome : std::uint8_t { correct, constraints, compile, spills, runtime, timeout, incorrect };

std::string_view name(Outcome outcome);
std::optional<Outcome> parse_outcome(std::string_view text);

struct Trial {
  Tactic tactic;
  Outcome outcome = Outcome::constraints;
  std::string why;            // one line when not correct
  double us = 0;              // median time of one launch; 0 unless correct
  double ratio = 0;           // vendor_us / us from the same interleaved window; 0 where no vendor was timed
  bool final_timing = false;  // timed at Effort::full
  int registers = 0;          // per thread
  int smem_bytes = 0;         // static + dynamic, per CTA
  int spill_bytes = 0;
  double compile_s = 0;
  std::string proposer;  // who named it: offline, portfolio, local, llm, random, vendor
  int round = 0;         // proposer's round, from 0

  bool correct() const { return outcome == Outcome::correct; }
};

}  // namespace ak
