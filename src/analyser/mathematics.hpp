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

/// isnan, isfinite and isinf_sign, which math.h makes of isinf.
bool classifies(std::string_view name);
/// What it says of a real value, which is looked at more than once.
loop::Term classified(std::string_view name, const loop::Term& value);

}  // namespace ak::analyser
