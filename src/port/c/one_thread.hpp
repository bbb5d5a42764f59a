// Why a function that is proven, or a part of it, runs as one GPU thread all the same.
#pragma once

#include <string>
#include <vector>

#include "port/port.hpp"

namespace ak::port {

/// "line 7: y depends on its earlier values", "map block=256 failed: compile: ...", "it was the fastest"; of a candidate with
/// parts, "i:sequential(s), line 7: ..." for those that one thread runs. Empty where every loop of `chosen` is shared out.
std::string why_one_thread(const loop::Verdict& verdict, const std::vector<Tried>& tried, const loop::Candidate& chosen);

}  // namespace ak::port
