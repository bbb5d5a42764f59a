// The body of a loop inside a function, as a function of its own.
#include <fmt/format.h>

#include "analyser/lowering.hpp"

namespace ak::analyser {

void Lowering::region(const Ast& function) { refuse(function, "--body is not supported yet"); }

}  // namespace ak::analyser
