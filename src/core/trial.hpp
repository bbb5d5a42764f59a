// Trial: one tactic's outcome, kept whatever it was.
#pragma once

#include <array>
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

/// Where a launch was timed: in a chain of launches of its own kind, between launches of a foreign kernel, or both.
enum class Regime : std::uint8_t { chain, alone, mixed };
constexpr int kTimedRegimes = 2;  // chain and alone; mixed is a judgement over both
template <class T>
using PerRegime = std::array<T, kTimedRegimes>;  // indexed by Regime

std::string_view name(Regime regime);
std::optional<Regime> parse_regime(std::string_view text);

/// quick: proven on one case, then timed briefly against the vendor in the same window. full: proven with more seeds, edge
/// shapes and a bitwise repeat, and timed long enough to tell 1 %.
enum class Effort : std::uint8_t { quick, full };

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
  std::string proposer;        // who named it: offline, portfolio, local, llm, random, vendor
  int round = 0;               // proposer's round, from 0
  std::int64_t unix_time = 0;  // when it ended; 0: unknown, as the next one
  double search_s = 0;         // since its search began
  Regime regime = Regime::chain;
  PerRegime<double> regime_us{};  // 0 where it was not timed

  bool correct() const { return outcome == Outcome::correct; }
};

}  // namespace ak
