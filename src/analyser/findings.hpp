// What the modules found, each in a line for a person.
#pragma once

#include <vector>

#include "loop/verdict.hpp"

namespace ak::analyser {

/// `changed` is left to be set.
std::vector<loop::Finding> findings(const loop::Verdict& verdict);

}  // namespace ak::analyser
