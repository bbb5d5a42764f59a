// Whole calls of a loop, as a program makes them, for who times what they cost beside a kernel or the C function.
#pragma once

#include <functional>
#include <memory>

#include "context/loop_state.hpp"

namespace ak {

/// A C function that does nothing, whatever the loop's arguments are.
LoopHost idle_host();

/// Calls on arrays in the host's memory, all of this class; each takes the address of each value, the result's pointer first,
/// and returns when it is done. By the plan, with copies there and back; null: by the C function that `state` was opened with.
/// known: without a host. Looks in no store, starts no search.
std::function<void(void* const* values)> loop_calls(std::shared_ptr<Loop::State> state, LoopKnown known,
                                                    const loop::CallClass& call, const LoopPlan* plan);

}  // namespace ak
