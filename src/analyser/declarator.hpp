// The extents in a parameter's own text: clang keeps none of its outermost.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loop/term.hpp"

namespace ak::analyser {

/// A name's value in an extent: an integer parameter, or a constant.
using NameValue = std::function<std::optional<loop::Term>(std::string_view name)>;

/// Of "const float b[static n + 1]", "float (*a)[256]", "float e[n][m]", "float *p", preprocessed, for a parameter `name`:
/// outermost first; nothing for one that is empty or an expression that is not understood.
std::vector<std::optional<loop::Term>> read_declarator(std::string_view text, std::string_view name, const NameValue& value);

}  // namespace ak::analyser
