// The functions of the C library that kernels have too.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "loop/term.hpp"

namespace ak::analyser {

/// The name under which a kernel calls it; empty: it has none.
std::string mathematics(std::string_view name);
/// INFINITY, NAN and HUGE_VAL as compilers spell them.
std::optional<loop::Term> special_value(std::string_view name);

}  // namespace ak::analyser
