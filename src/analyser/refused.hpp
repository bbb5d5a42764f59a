// What a C function has that is not supported: a verdict of its own, not a fault of the program.
#pragma once

#include <stdexcept>
#include <string>

namespace ak::analyser {

/// what() names what, the line of the source and what to do.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace ak::analyser
