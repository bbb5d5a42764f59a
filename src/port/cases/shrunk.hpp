// A function whose sizes are constants and too large to be tried: the same one with smaller constants.
#pragma once

#include <optional>

#include "loop/verdict.hpp"

namespace ak::port {

/// All constants that are sizes, or lie next to one, divided alike, so that the function has at most so many iterations and
/// elements; what it does to them, and which template takes it, stays. Nothing where no division comes to that.
std::optional<loop::Verdict> shrunk(const loop::Verdict& verdict, double most_iterations);

}  // namespace ak::port
