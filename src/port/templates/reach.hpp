// Which elements of an array a group of loops can touch at all.
#pragma once

#include <string>
#include <vector>

#include "loop/function.hpp"

namespace ak::port {

/// All that the nodes touch of an array of that length lies from NAME_first_ to before NAME_behind_, which the text declares
/// (const long long, a line each, indented by 2); none where the first is not below the other. Of a flat array whose subscripts
/// no data and no scalar that the nodes change decide; else of all of it.
std::string reach_text(const std::vector<loop::Node>& nodes, const std::string& array, const loop::Term& length,
                       const std::string& name);

}  // namespace ak::port
