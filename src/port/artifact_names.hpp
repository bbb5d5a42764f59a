// Names of a user's function where C++ and our own texts have names too.
#pragma once

#include <map>
#include <string>

#include "loop/function.hpp"

namespace ak::port {

/// Each parameter's name in declarations that C and C++ compile and in which names that end in an underscore are ours.
std::map<std::string, std::string> declared_names(const loop::Function& function);

/// As C has identifiers; letters beyond ASCII pass.
bool is_identifier(const std::string& name);

}  // namespace ak::port
