// A C function as one GPU thread, made of its text alone: what serves where there is no analyser. Its prototype is read from
// the tokens; what it does is left to the GPU's compiler.
#pragma once

#include <string>

#include "loop/function.hpp"
#include "loop/launch.hpp"
#include "port/analysis.hpp"

namespace ak::port {

struct BareSerial {
  loop::Function function;  // parameters alone, with lengths that are expressions of integer parameters
  loop::Candidate candidate;
};

/// The source has its text. Throws Error{unsupported} that names what cannot be understood without the analyser: a function
/// that is not there or there twice, a parameter of another type, arrays whose inner dimensions are parameters.
BareSerial bare_serial(const LoopSource& source);

}  // namespace ak::port
