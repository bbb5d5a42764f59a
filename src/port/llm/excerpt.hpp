// What of a C source a reader needs who is to understand one of its functions.
#pragma once

#include <string>

#include "port/analysis.hpp"

namespace ak::port {

/// The function's text, of a region its loop's body; before it the macros, types and functions of the source that it names,
/// each as it stands. The source has its text. Nothing where the source does not define it as a text of its own (but by a
/// macro).
std::string excerpt(const LoopSource& source);

}  // namespace ak::port
