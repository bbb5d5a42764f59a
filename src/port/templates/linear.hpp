// Subscripts as sums: whether two are the same, how far they lie apart, how they move with a loop.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loop/term.hpp"

namespace ak::port {

/// A sum of products of atoms (names, or what is no sum or product, as text), each with its factor. The constant has no atoms.
struct Linear {
  std::map<std::vector<std::string>, std::int64_t> parts;  // atoms in order; none with factor 0

  bool operator==(const Linear&) const = default;
  std::optional<std::int64_t> constant() const;  // when there is nothing else
};

Linear linear(const loop::Term& term);
Linear operator-(const Linear& a, const Linear& b);
/// f where the term is f * variable + what does not depend on it; nothing for any other.
std::optional<std::int64_t> factor_of(const Linear& term, const std::string& variable);

/// What the variable is multiplied with, j * w + i by j: w; nothing where it is no factor alone.
std::optional<Linear> coefficient_of(const Linear& term, const std::string& variable);
/// Where all of these conditions hold: those that say of a sum or of names that they are above 0.
bool never_zero(const Linear& term, const std::vector<loop::Term>& conditions);

/// By how many of the loop's iterations (of that step) `write` reaches the element of `read` later than `read` does: over 0,
/// later; 0, in the same one; below, earlier. Where these conditions hold: elements of a column lie rows apart, however wide
/// these are.
struct Apart {
  enum class Kind { never, iterations, unknown } kind = Kind::unknown;
  std::int64_t iterations = 0;
};
Apart apart(const loop::Term& read, const loop::Term& write, const std::string& variable, std::int64_t step,
            const std::vector<loop::Term>& conditions);

}  // namespace ak::port
