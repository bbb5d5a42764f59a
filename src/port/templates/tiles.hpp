// Kernels that run a loop's iterations in two phases (carried.hpp), with a scan between them.
#pragma once

#include "port/templates/templates.hpp"

namespace ak::port {

/// Of a group whose innermost loop carries something and whose other loops are parallel. One loop: a tile of iterations a
/// block, and a single-pass scan across blocks. Several: a block for each iteration of the outer ones, which goes from tile to
/// tile.
std::vector<Stage> tile_stages(const Work& work, const std::string& template_name);

}  // namespace ak::port
