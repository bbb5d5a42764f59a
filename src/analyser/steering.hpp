// Which integer parameters a call must say for the best verdict.
#pragma once

#include <string>
#include <vector>

#include "analyser/facts.hpp"
#include "analyser/front.hpp"
#include "analyser/isl_limits.hpp"
#include "loop/verdict.hpp"

namespace ak::analyser {

/// Of the function whose verdict without values is `plain`: parameters without whose values the verdict would be a poorer one,
/// as few as will do. A verdict that leaves nothing open needs none.
std::vector<std::string> steering(const Unit& unit, const Choice& choice, const Facts& facts, const loop::Verdict& plain,
                                  const Limits& limits = {});

}  // namespace ak::analyser
