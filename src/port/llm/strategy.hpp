// A verdict in words, for who is to write kernels by it.
#pragma once

#include <string>

#include "loop/verdict.hpp"

namespace ak::port {

/// A line for each group with loops and each hazard in it: what may run at once, what is carried and how that is computed in
/// parallel, what must be kept apart.
std::string strategy(const loop::Verdict& verdict);

}  // namespace ak::port
