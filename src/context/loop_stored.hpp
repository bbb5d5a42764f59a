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

std::string winner_key(const LoopKnown& known, const loop::CallClass& call, const DeviceState& device);

/// Loaded into the device's context, which is current; `unproven` gets a record that has to be proven here first. Null for a
/// miss; damage is one with a line in the log. What is unfinished, or was proven under another driver or NVRTC, serves in
/// passing.
LoopServedPtr stored_loop(Common& common, const LoopKnown& known, const loop::CallClass& call, const DeviceState& device,
                          std::optional<loop::Winner>* unproven = nullptr);

}  // namespace ak
