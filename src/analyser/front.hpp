// C text -> loop::Function in normal form.
#pragma once

#include "analyser/lowering.hpp"

namespace ak::analyser {

/// What the front end made of a function.
struct Front {
  loop::Function function;
  std::vector<loop::Note> notes;               // induction and structured; `loop` is a node's id, 0: of no loop
  std::set<std::string> used;                  // integer parameters whose given values the function depends on
  std::map<std::string, std::string> written;  // a loop's variable -> what the source calls it, where that is another name
  std::set<std::string> walked;                // for Facts
};

/// Throws Refused for what is not supported, Error{invalid_argument} for a function that is not there.
Front read_function(const Unit& unit, const Choice& choice, const loop::Values& known);

/// A length that was given for the pointer `name` of the function, as a term over its integer parameters. Throws
/// Error{invalid_argument} that names what is wrong.
loop::Term length(const loop::Function& function, const std::string& name, const std::string& text);

/// The source's names of loops' variables, and the values that reading the function used.
void name_as_written(loop::Verdict& verdict, const Front& front);

}  // namespace ak::analyser
