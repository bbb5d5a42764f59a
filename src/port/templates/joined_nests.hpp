// Groups that cannot be run one after the other, as one where their nest is parallel around all of them.
#pragma once

#include <optional>

#include "loop/verdict.hpp"

namespace ak::port {

/// With the neighbouring groups of one nest as one group over the loops around them, where these are parallel in all and carry
/// nothing from one to another: a thread runs an iteration's statements in C's order. Nothing where there are none.
std::optional<loop::Verdict> with_nests_joined(const loop::Verdict& verdict);

}  // namespace ak::port
