// What is known of integers inside loops: a loop's variable lies between its bounds, or the body would not run.
#pragma once

#include <string>
#include <vector>

#include "loop/term.hpp"

namespace ak::analyser {

struct Range {
  std::string variable;
  loop::Term begin, end;  // end exclusive
  std::int64_t step = 1;
};

/// Whether the term is >= 0 wherever all of the loops run, outermost first.
bool never_negative(const loop::Term& term, const std::vector<Range>& around);

/// With choices decided that only ask whether one of the loops runs.
loop::Term known_to_run(const loop::Term& term, const std::vector<Range>& around);

}  // namespace ak::analyser
