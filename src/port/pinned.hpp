// A verdict with what a call's class says in the places of its names.
#pragma once

#include "loop/launch.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"

namespace ak::port {

/// So that templates see how far apart subscripts are: a[i - k] is a[i - 480]; and which elements are one: b[i], where b is a + 1,
/// is a[i + 1]. The parameters stay, and what the function writes stays a name.
loop::Verdict pinned(loop::Verdict verdict, const loop::CallClass& call);

/// port_candidates() in calls of that class.
std::vector<loop::Candidate> candidates_in(const loop::Verdict& verdict, const loop::CallClass& call);

}  // namespace ak::port
