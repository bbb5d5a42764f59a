// Loops' winners in the store.
#pragma once

#include <optional>
#include <string>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/loop_known.hpp"
#include "context/loop_served.hpp"
#include "loop/winner.hpp"

namespace ak {

std::string winner_key(const LoopKnown& known, const loop::CallClass& call, const DeviceState& device, bool by_llm = false);

/// What a record that serves nobody yet says.
struct Unserved {
  std::optional<loop::Winner> winner;  // to be proven here first
  std::string why;                     // "no record", "its record is not proven here"
};

/// Loaded into the device's context, which is current. Null for a miss; damage is one with a line in the log, and kernels that
/// an LLM wrote are one where Settings::llm_code does not say `kept`; where it does their record goes before the templates',
/// unless that one lasts and theirs does not. What is unfinished, or was proven under another driver or NVRTC, serves in
/// passing.
LoopServedPtr stored_loop(Common& common, const LoopKnown& known, const loop::CallClass& call, const DeviceState& device,
                          Unserved* unserved = nullptr);

}  // namespace ak
