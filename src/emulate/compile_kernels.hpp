// From a text in CUDA C++ to an object that this machine runs, by the user's C++ compiler.
#pragma once

#include <string>
#include <vector>

namespace ak::loop {

/// The compiler's command, perhaps with words before it (ccache g++): `chosen`, else $CXX, else the first of g++, clang++, c++
/// on the path. Throws Error{unsupported} that says what to do where there is none.
std::string find_compiler(const std::string& chosen);

/// What the compiler is given: the table, the shim, the text in a namespace without a name, and the list of its kernels.
std::string kernels_source(const std::string& text, const std::vector<std::string>& kernels);
std::string hooks_source();

/// In `folder`, kernels.cpp and hooks.cpp become object.so. Empty, or why not: the compiler's first errors. Its processes are
/// limited in memory and in what they write, and are of this one's group, so that who ends that at a deadline ends them.
std::string compile_kernels(const std::string& folder, const std::string& compiler);

}  // namespace ak::loop
