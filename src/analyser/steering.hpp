// Which integer parameters a call must say for the best verdict.
#pragma once

#include <string>
#include <vector>

#include "analyser/facts.hpp"
#include "analyser/front.hpp"
#include "analyser/isl_limits.hpp"
#include "loop/verdict.hpp"

namespace ak::analyser {

/// Fills `steering` of the verdict without values: parameters without whose values it would be a poorer one, as few as will do.
/// A verdict that leaves nothing open needs none. Its findings then name these.
void find_steering(const Unit& unit, const Choice& choice, const Facts& facts, loop::Verdict& plain, const Limits& limits = {});

}  // namespace ak::analyser
