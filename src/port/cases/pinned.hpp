// A verdict with what a call's class says in the places of its names.
#pragma once

#include <optional>
#include <vector>

#include "loop/launch.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"

namespace ak::port {

/// So that templates see how far apart subscripts are: a[i - k] is a[i - 480]; and which elements are one: b[i], where b is a +
/// 1, is a[i + 1]. The parameters stay, and what the function writes stays a name.
loop::Verdict pinned(loop::Verdict verdict, const loop::CallClass& call);

/// port_candidates() in calls of that class.
std::vector<loop::Candidate> candidates_in(const loop::Verdict& verdict, const loop::CallClass& call);
/// Kernels that no template has made, where what the verdict assumes holds; elsewhere one thread, as candidates_in() has it.
/// The same where that has been done, or nothing is assumed. Nothing where their arguments or names leave that thread no room.
std::optional<loop::Candidate> where_assumed(loop::Candidate kernels, const loop::Verdict& verdict,
                                             const loop::CallClass& call);

}  // namespace ak::port
