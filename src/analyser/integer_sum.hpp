// Sums of integer names with constant factors.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "loop/term.hpp"

namespace ak::analyser {

struct Linear {
  std::map<std::string, std::int64_t> factors;  // none is 0
  std::int64_t constant = 0;
  loop::ScalarType type = loop::ScalarType::i32;  // of all names in it

  loop::Term term() const;
  std::int64_t factor(const std::string& name) const;
};

/// Nothing where the term is anything else, or mixes integers of two sizes.
std::optional<Linear> linear(const loop::Term& term);

/// The same value, shorter where sums of integers can be collected: (n - 1) - (i - 1) is n - i.
loop::Term collected(const loop::Term& term);

/// The step that a loop of unknown step was counted by, of its number of iterations: of begin < end ? (end - begin - 1) /
/// step + 1 : 0 it is `step`. Where that is not above 0 there is one iteration at most.
std::optional<loop::Term> counted_step(const loop::Term& iterations);

/// `term` as first * name + second, neither of which mentions the name; nothing where it is not linear in it.
std::optional<std::pair<loop::Term, loop::Term>> linear_in(const loop::Term& term, const std::string& name);

}  // namespace ak::analyser
