// How things are called in logs, notes and explanations.
#pragma once

#include <string>

#include "cache/record.hpp"

namespace ak {

/// The tactic's text, or "cuBLASLt, heuristic 3 + separate pass".
std::string served_by(const Tactic& tactic);
/// "NVIDIA H200 sm_90 132 SMs".
std::string describe(const Hardware& hardware);
/// Two notes as one; either may be empty.
std::string joined(const std::string& note, const std::string& more);

}  // namespace ak
