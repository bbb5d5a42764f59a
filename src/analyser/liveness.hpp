// Where a scalar's value is still wanted.
#pragma once

#include <string>
#include <vector>

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// A place in a function: for each list of statements around it, outermost first, the list and which of its statements holds
/// it.
struct Step {
  const Statements* list;
  std::size_t at;
};
using Path = std::vector<Step>;

/// Whether the scalar is read before it is written anew by what may run after the statement at the path's end.
bool live_after(const Path& path, const std::string& name);

/// Whether what the list reads of the scalar first may be the value from before it.
bool read_first(const Statements& list, const std::string& name);

}  // namespace ak::analyser
