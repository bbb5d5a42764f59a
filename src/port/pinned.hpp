// A verdict with what a call's class says in the places of its names.
#pragma once

#include "loop/verdict.hpp"
#include "loop/winner.hpp"

namespace ak::port {

/// So that templates see how far apart subscripts are: a[i - k] is a[i - 480]. The parameters stay, and what the function
/// writes stays a name.
loop::Verdict pinned(loop::Verdict verdict, const loop::CallClass& call);

}  // namespace ak::port
