// Who serves when there is no winner.
#pragma once

#include <string>

#include "context/common.hpp"
#include "context/device_state.hpp"
#include "context/served.hpp"
#include "machine/machine.hpp"

namespace ak {

/// cuBLASLt's first heuristic, else the likeliest own kernel, proven and untuned; with the reason. Throws
/// Error{missing_library} when neither is to be had. From a recording: nothing, with source "none". prove: own kernels may be
/// proven now.
Served fallback(Common& common, Machine& machine, const Problem& problem, const std::string& why,
                Standing standing = Standing::lasting, bool prove = true);
/// What an own kernel that stands by is proven with, where it may be now. quarantine must outlive it.
Proving proving(const Common& common, const Machine& machine, Quarantine& quarantine, bool now);

/// Finds who serves once no scratch memory is to be had, while there is some and cuBLASLt is open: after a search or a proof.
/// For a plan from the store alone that is left to the call that lacks memory, for a hit opens no library.
void stand_by(DeviceState& device, const Problem& problem, const Served& served);

/// The old winner where it still runs, as it was proven; else fallback().
Served old_or_fallback(Common& common, Machine& machine, const Problem& problem, const std::string& why, Standing standing);

}  // namespace ak
