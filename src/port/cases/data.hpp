// Fuzzed data for a loop: sizes around every edge, and values that lead through all of its branches. The same on every machine.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "port/cases/case.hpp"
#include "port/cases/roles.hpp"

namespace ak::port {

/// How the values of a case are drawn.
struct Recipe {
  enum class Shape : std::uint8_t {
    mixed,     // between -2 and 2
    positive,  // between 0.25 and 2
    negative,
    ties,          // of five values
    tiny,          // zeros of both signs and denormals, some ordinary ones
    zeros_on_top,  // negative ones and -0, of which the first or the last (spike) is +0: it tells which one a maximum is
    zeros_below,
    infinite,  // ordinary ones and infinities
    strange,   // ordinary ones and what is no number
    around,    // center - spread to center + spread, with one spike perhaps
    still,     // zeros; Roles::factors are between 2 and 4
  };
  enum class Spike : std::uint8_t { never, first, early, late, last, middle };
  enum class Indices : std::uint8_t { permutation, sorted, duplicates, equal, ends };
  // As the harness of artifacts calls them, which makes such data too.
  static constexpr std::string_view kShapes[] = {"mixed",        "positive",    "negative", "ties",    "tiny",
                                                 "zeros_on_top", "zeros_below", "infinite", "strange", "around",
                                                 "still"};
  static constexpr std::string_view kSpikes[] = {"never", "first", "early", "late", "last", "middle"};
  static constexpr std::string_view kIndices[] = {"permutation", "sorted", "duplicates", "equal", "ends"};
  static_assert(std::size(kShapes) == static_cast<std::size_t>(Shape::still) + 1 &&
                std::size(kSpikes) == static_cast<std::size_t>(Spike::middle) + 1 &&
                std::size(kIndices) == static_cast<std::size_t>(Indices::ends) + 1);

  std::string name = "mixed";
  Shape shape = Shape::mixed;
  double center = 0, spread = 1;
  Spike spike = Spike::never;
  double spike_value = 0;
  bool kept = false;  // what is special, a spike or no number, stands in Roles::kept too; without, it is ordinary there
  Indices indices = Indices::permutation;
  std::int64_t integer = 1;      // of the integer parameters that are no sizes
  std::optional<double> scalar;  // of the real ones; nothing: like the arrays' elements
  std::uint64_t seed = 1;

  bool tells_zeros() const { return shape == Shape::zeros_on_top || shape == Shape::zeros_below; }
  bool operator==(const Recipe&) const = default;
};

/// Mixed, positive, negative, ties, tiny, and for a loop that is left early exits at once, late and never (more of these:
/// exits_of).
std::vector<Recipe> basic_recipes();
/// Values on one side of each constant that conditions compare with, and one early, late or nowhere on the other side or on it.
std::vector<Recipe> threshold_recipes(const Roles& roles);
/// Infinities and what is no number among ordinary values; one large value at the first or the last element; for arrays that
/// keep an extremum all of these twice, and one in the middle; and where `<` and `<=` differ: values on and next to each
/// constant that conditions compare with, and one alone on it; and zeros among factors above 1, where a loop carries products.
std::vector<Recipe> edge_recipes(const Roles& roles);
/// The next of a never-ending row of guesses, for a side of a branch that nothing else has taken.
Recipe random_recipe(const Roles& roles, std::uint64_t number);

struct Facts {
  loop::Values integers;  // integer parameters that are what they are
  std::vector<Overlap> overlaps;
};

constexpr double kMostIterations = 2e6;  // of a case, which the emulator runs too

/// The integer parameters' values, smallest work first. Sizes: 0 1 2 3 31 33 255 257 1000 1023 4099 10000 32000, in two
/// dimensions 1 2 15 17 33 64 129 256, and next to constant lengths and to constants that a loop begins with; of several sizes
/// all equal, and each once smaller than the others; margins also 0 to 3. What takes more than `most_iterations` is left out.
std::vector<loop::Values> sizes_of(const loop::Function& function, const Roles& roles, const Facts& facts,
                                   double most_iterations = kMostIterations);

/// Throws as laid_out does.
Case make_case(const loop::Function& function, const Roles& roles, const Facts& facts, const loop::Values& sizes,
               const Recipe& recipe);

}  // namespace ak::port
