// C text -> loop::Function in normal form.
#pragma once

#include "analyser/lowering.hpp"

namespace ak::analyser {

/// What the front end made of a function.
struct Front {
  loop::Function function;
  std::vector<loop::Note> notes;  // induction and structured; `loop` is a node's id, 0: of no loop
  std::set<std::string> used;     // integer parameters whose given values the function depends on
};

/// Throws Refused for what is not supported, Error{invalid_argument} for a function that is not there.
Front read_function(const Unit& unit, const Choice& choice, const loop::Values& known);

}  // namespace ak::analyser
