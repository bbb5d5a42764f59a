// Which elements of an array a group of loops can touch at all.
#pragma once

#include <string>
#include <vector>

#include "loop/function.hpp"

namespace ak::port {

/// Elements of an array, in 64 bits. Where first is not below behind there are none.
struct Reach {
  loop::Term first, behind;
};

/// All that the nodes touch of an array of that length lies there. Of a flat array whose subscripts no data and no scalar that
/// the nodes change decide; else of all of it.
Reach reach_of(const std::vector<loop::Node>& nodes, const std::string& array, const loop::Term& length);

}  // namespace ak::port
