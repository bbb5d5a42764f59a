// What a call knows that a text does not say.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "loop/term.hpp"

namespace ak::analyser {

/// Two pointers into one array: `pointer` == `base` + offset, in elements.
struct Alias {
  std::string pointer, base;
  std::int64_t offset = 0;
};

struct Facts {
  loop::Values values;                        // of integer parameters
  std::vector<Alias> aliases;                 // all other pointers do not overlap
  std::map<std::string, loop::Term> lengths;  // of pointers whose own text does not say it, in elements of the outermost dimension
  std::set<std::string> walked;               // arrays of rows into which pointers lead, that may go on into the next row
  std::vector<loop::Term> assumed{};          // conditions over integer parameters without which the verdict need not hold
};

}  // namespace ak::analyser
