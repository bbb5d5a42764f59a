// The environment, read on callers' threads alone: a thread of the library's own that did so would race the application's
// setenv.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ak {

/// Reads all of it, on the calling thread: whoever makes a context does. What is asked for before is read at the first
/// question.
void read_environment();

/// As it was when it was last read; empty: unset, or set to nothing.
std::string environment(std::string_view variable);

/// "NAME=value" of all, for a process to be started.
std::vector<std::string> environment_lines();

}  // namespace ak
