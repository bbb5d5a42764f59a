// The activations' names, their device text and their fp64 reference: those of include/ak/activations.def, and callers' own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ak/types.hpp"

namespace ak {

/// Values from kActivationCount on are callers' own, valid in this process only: what outlives it keeps name().
constexpr int kMostOwnActivations = 255 - kActivationCount;  // 255 stays what nothing is
inline bool is_own(Activation activation) { return static_cast<int>(activation) >= kActivationCount; }

/// The activation of an expression (core/expression.hpp has the grammar); the same one for the same text. Throws
/// Error{invalid_argument} that names the place, Error{unsupported} when the process has too many.
Activation own_activation(std::string_view text);

/// Whether the value names an activation of activations.def or one that was registered.
bool known(Activation activation);

/// As keys, records and the command line have it: the name, or the canonical text of the caller's own.
std::string_view name(Activation activation);
/// By name, else as an expression; nullopt when it is neither, or new where such texts have taken half of what a process may
/// have: a file cannot keep callers from registering theirs.
std::optional<Activation> parse_activation(std::string_view text);

/// For names of kernels and files: the name, or own_0, own_1, ... of this process.
std::string identifier(Activation activation);

/// The C expression of x and slope, as the device compiles it.
std::string expression(Activation activation);

/// The same expression in double precision: the reference every kernel is held to.
double activate(Activation activation, double x, double slope);

}  // namespace ak
