// Prompt: plain data -> the question. The same data gives the same text, byte for byte: no time of day, no randomness, no path.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"
#include "core/trial.hpp"

namespace ak {

struct KnobValues {
  const Knob* knob = nullptr;
  std::vector<std::int16_t> values;  // ascending
};

/// One family's part of the space.
struct FamilySpace {
  FamilyId family = FamilyId::sm80;
  std::size_t tactics = 0;         // legal combinations
  std::vector<KnobValues> knobs;   // those with a choice, and those fixed at something else than their default
  std::vector<std::string> rules;  // why combinations are refused, one example each
};

/// What can be said of a tactic before it runs.
struct DerivedNumbers {
  Tactic tactic;
  double predicted_us = 0;
  std::int64_t tiles = 0;   // CTA tiles, slices of k counted
  int ctas_per_sm = 1;      // by shared memory and threads
  double waves = 0;         // tiles / CTAs that run at once
  double tail_percent = 0;  // of the machine's slots idle over all waves
  int smem_bytes = 0;
  double accumulator_percent = 0;  // f32 accumulators as a share of an SM's registers
};

struct PromptFacts {
  Problem problem;
  DeviceFacts device;
  std::vector<FamilySpace> families;
  std::vector<std::string> refusals;       // "sm90: A is not 16-byte aligned"
  std::vector<DerivedNumbers> candidates;  // the cost model's leaders, best first
  std::vector<DerivedNumbers> measured;    // of the fastest trials, fastest first
  std::span<const Trial> history;          // every trial so far; empty in round 0
  double vendor_us = 0;                    // 0: unknown
  int round = 0;
  int proposals = 12;  // wanted
};

struct Prompt {
  std::string system, user;
  std::string schema;  // JSON schema of the answer: flat, enums only
};

inline constexpr std::size_t kMostPromptBytes = 12 * 1024;

/// system + user stay within kMostPromptBytes: lists are shortened until they do.
Prompt make_prompt(const PromptFacts& facts);

}  // namespace ak
