// What of a problem is proven and timed: all of it, or, where that would outlast a search or the memory, some of its rows.
#pragma once

#include <cstdint>

#include "core/problem.hpp"

namespace ak {

/// The problem itself, or the same with fewer rows (m), a multiple of 256 and 1024 at least: as many as a launch and a
/// reference get through in some milliseconds each and as so many bytes of device memory have room for. A problem
/// of fewer rows stays as it is, whatever it takes. A family's rules, a cubin and a record are of the whole problem.
Problem search_panel(const Problem& problem, std::int64_t bytes);

/// Device memory that cases of a problem take beside the sets it is timed over.
std::int64_t case_bytes(const Problem& problem);
/// The least that a search takes for operands and references where it proves itself, in bytes.
std::int64_t least_search_bytes(const Problem& problem);

}  // namespace ak
