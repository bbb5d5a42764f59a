// The activations' names, their device text and their fp64 reference, all from include/ak/activations.def.
#pragma once

#include <optional>
#include <string_view>

#include "ak/types.hpp"

namespace ak {

std::string_view name(Activation activation);
std::optional<Activation> parse_activation(std::string_view text);

/// The C expression of x and slope, as the device compiles it.
std::string_view expression(Activation activation);

/// The same expression in double precision: the reference every kernel is held to.
double activate(Activation activation, double x, double slope);

}  // namespace ak
