// Why a function that is proven runs as one GPU thread all the same.
#pragma once

#include <string>
#include <vector>

#include "port/port.hpp"

namespace ak::port {

/// "no template runs i:scan(y:1,2)", "map block=256 failed: compile: ...", "it was the fastest"; empty where `chosen` is
/// parallel.
std::string why_one_thread(const loop::Verdict& verdict, const std::vector<Tried>& tried, const loop::Candidate& chosen);

}  // namespace ak::port
