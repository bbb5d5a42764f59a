// Flags of a C compiler as they stand in a build's command line.
#pragma once

#include <string>
#include <vector>

namespace ak {

/// What decides what a text means. Left out: what names files to write or to compile, what chooses how far the compiler goes,
/// what is the assembler's and the linker's (`-c -o a.o a.c -MMD -Wl,-Map=a.map`).
std::vector<std::string> flags_of_meaning(const std::vector<std::string>& flags);

}  // namespace ak
