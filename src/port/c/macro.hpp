// Another number for a macro of a C source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "port/analysis.hpp"

namespace ak::port {

/// The source, which has its text, with this number for a macro without arguments, wherever the text, a file that it includes
/// by name or a flag -D defines it. A file that does stands in the text then, in its include's place. Nothing where none of
/// them does.
std::optional<LoopSource> with_macro(LoopSource source, const std::string& name, std::int64_t value);

}  // namespace ak::port
