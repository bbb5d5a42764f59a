// Who serves when there is no winner.
#pragma once

#include <string>

#include "context/common.hpp"
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

/// The old winner where it still runs, as it was proven; else fallback().
Served old_or_fallback(Common& common, Machine& machine, const Problem& problem, const std::string& why, Standing standing);

/// What stands in the store, else old_or_fallback() for a passing reason. Searches nothing.
Served without_search(Common& common, Machine& machine, const Problem& problem, const std::string& why);

}  // namespace ak
