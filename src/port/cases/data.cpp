#include "port/cases/data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ak::port {

using loop::Function;
using loop::ScalarType;
using loop::Values;
using Shape = Recipe::Shape;
using Spike = Recipe::Spike;
using Indices = Recipe::Indices;

namespace {

constexpr std::size_t kMostEdges = 16;

/// SplitMix64: what the standard's distributions draw differs between libraries.
class Random {
 public:
  // Mixed, or the row of the next seed were this one's, one further on.
  explicit Random(std::uint64_t seed) : state_(mixed(seed + 1)) {}
  std::uint64_t next() { return mixed(state_ += 0x9e3779b97f4a7c15u); }
  std::int64_t below(std::int64_t end) {
    return end <= 1 ? 0 : static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(end));
  }
  double between(double low, double high) { return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  static std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  std::uint64_t state_;
};

double real_value(Random& random, const Recipe& recipe, ScalarType type) {
  switch (recipe.shape) {
    case Shape::mixed:
      return random.between(-2, 2);
    case Shape::positive:
      return random.between(0.25, 2);
    case Shape::negative:
      return random.between(-2, -0.25);
    case Shape::ties: {
      constexpr double kFew[] = {-1, -0.5, 0, 0.5, 1};
      return recipe.center + recipe.spread * kFew[random.below(5)];
    }
    case Shape::tiny: {
      const double denormal = type == ScalarType::f32 ? 0x1p-149 : 0x1p-1074;
      switch (random.below(8)) {
        case 0:
          return -0.0;
        case 1:
          return denormal * static_cast<double>(1 + random.below(1000));
        case 2:
          return -denormal * static_cast<double>(1 + random.below(1000));
        case 3:
          return random.between(-1, 1);
        default:
          return 0;
      }
    }
    case Shape::zeros_on_top:
    case Shape::zeros_below: {
      const double side = recipe.shape == Shape::zeros_below ? 1 : -1;
      const double ordinary = side * random.between(0.25, 2);
      return random.below(8) ? ordinary : -0.0;
    }
    case Shape::infinite: {
      const double ordinary = random.between(-2, 2);
      return random.below(32) ? ordinary : std::copysign(HUGE_VAL, ordinary);
    }
    case Shape::strange: {
      const double ordinary = random.between(-2, 2);
      return random.below(16) ? ordinary : std::numeric_limits<double>::quiet_NaN();
    }
    case Shape::around:
      return random.between(recipe.center - recipe.spread, recipe.center + recipe.spread);
    case Shape::still:
      return 0;
  }
  return 0;
}

std::int64_t integer_value(Random& random, const Recipe& recipe) {
  switch (recipe.shape) {
    case Shape::mixed:
    case Shape::infinite:
    case Shape::strange:
    case Shape::still:
      return random.below(201) - 100;
    case Shape::positive:
      return 1 + random.below(100);
    case Shape::negative:
      return -1 - random.below(100);
    case Shape::ties:
      return std::llround(recipe.center) + random.below(5) - 2;
    case Shape::tiny:
    case Shape::zeros_on_top:
    case Shape::zeros_below:
      return random.below(4) ? 0 : random.below(3) - 1;
    case Shape::around:
      return std::llround(random.between(recipe.center - recipe.spread, recipe.center + recipe.spread));
  }
  return 0;
}

bool is_special(double value, Shape shape) {
  return shape == Shape::infinite ? std::isinf(value) : shape == Shape::strange ? std::isnan(value) : value == 0;
}

/// What an array that keeps an extremum has at first: all of it what is special, or nothing.
double kept_value(Random& random, const Recipe& recipe, ScalarType type) {
  const bool shaped = recipe.tells_zeros() || recipe.shape == Shape::infinite || recipe.shape == Shape::strange;
  if (recipe.shape == Shape::around && recipe.kept && recipe.spike != Spike::never) return recipe.spike_value;
  double value = real_value(random, recipe, type);
  while (shaped && is_special(value, recipe.shape) != recipe.kept) value = real_value(random, recipe, type);
  return value;
}

void fill_values(Memory& memory, Random& random, const Recipe& recipe, bool keeps) {
  const bool real = is_real(memory.type);
  for (std::int64_t i = 0; i < memory.elements; ++i) {
    if (real)
      memory.set_real(i, keeps ? kept_value(random, recipe, memory.type) : real_value(random, recipe, memory.type));
    else
      memory.set_integer(i, integer_value(random, recipe));
  }
  if (keeps) return;
  if (real && recipe.tells_zeros()) {
    std::vector<std::int64_t> zeros;
    for (std::int64_t i = 0; i < memory.elements; ++i)
      if (memory.real(i) == 0) zeros.push_back(i);
    if (!zeros.empty()) memory.set_real(recipe.spike == Spike::first ? zeros.front() : zeros.back(), 0);
  }
  if (recipe.shape != Shape::around || recipe.spike == Spike::never || memory.elements == 0) return;
  const std::int64_t last = memory.elements - 1;
  const std::int64_t at = recipe.spike == Spike::first    ? 0
                          : recipe.spike == Spike::early  ? std::min<std::int64_t>(2, last)
                          : recipe.spike == Spike::middle ? memory.elements / 2
                          : recipe.spike == Spike::late   ? last - memory.elements / 20
                                                          : last;
  if (real)
    memory.set_real(at, recipe.spike_value);
  else
    memory.set_integer(at, std::llround(recipe.spike_value));
}

void fill_indices(Memory& memory, const Argument& argument, Random& random, Indices kind, Range range, bool ascending) {
  const std::int64_t count = argument.elements, choices = range.high - range.low + 1;
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  switch (kind) {
    case Indices::permutation:
    case Indices::sorted: {
      // Of all choices where they are as many; else each as often as any other.
      for (std::int64_t i = 0; i < count; ++i) values[i] = range.low + (count <= choices ? i : i % choices);
      if (kind == Indices::sorted) break;
      for (std::int64_t i = count - 1; i > 0; --i) std::swap(values[i], values[random.below(i + 1)]);
      break;
    }
    case Indices::duplicates:
      for (auto& value : values) value = range.low + random.below(std::min<std::int64_t>(choices, 1 + count / 4));
      break;
    case Indices::equal:
      std::fill(values.begin(), values.end(), range.low + choices / 2);
      break;
    case Indices::ends:
      for (auto& value : values) value = random.below(2) ? range.low : range.high;
      break;
  }
  if (ascending || kind == Indices::sorted) std::sort(values.begin(), values.end());
  for (std::int64_t i = 0; i < count; ++i) memory.set_integer(argument.offset + i, values[i]);
}

Recipe basic(const char* name, Shape shape, Indices indices, std::int64_t integer, std::uint64_t seed) {
  Recipe recipe;
  recipe.name = name, recipe.shape = shape, recipe.indices = indices, recipe.integer = integer, recipe.seed = seed;
  return recipe;
}

Recipe growing() {
  Recipe recipe;
  recipe.shape = Shape::around, recipe.center = 3, recipe.spread = 1;
  return recipe;
}

bool is_factor(const Roles& roles, const std::string& name) {
  return std::ranges::find(roles.factors, name) != roles.factors.end();
}

}  // namespace

std::vector<Recipe> basic_recipes() {
  return {basic("mixed", Shape::mixed, Indices::permutation, 1, 1), basic("ties", Shape::ties, Indices::duplicates, 2, 2),
          basic("positive", Shape::positive, Indices::sorted, 0, 3), basic("negative", Shape::negative, Indices::ends, 3, 4),
          basic("zeros and denormals", Shape::tiny, Indices::equal, 1, 5)};
}

std::vector<Recipe> threshold_recipes(const Roles& roles) {
  std::vector<Recipe> made;
  std::uint64_t seed = 100;
  constexpr std::pair<Spike, const char*> kSpikes[] = {
      {Spike::early, "early"}, {Spike::late, "late"}, {Spike::last, "at the last"}, {Spike::never, "never"}};
  for (const double threshold : roles.thresholds)
    for (const double side : {-1.0, 1.0})
      for (const bool on_it : {false, true})
        for (const auto& [spike, word] : kSpikes) {
          if (on_it && spike == Spike::never) continue;
          Recipe recipe;
          recipe.shape = Shape::around;
          recipe.spread = 1 + std::abs(threshold) / 4;
          recipe.center = threshold + side * 2 * recipe.spread;
          recipe.spike = spike;
          recipe.spike_value = on_it ? threshold : threshold - side * 2 * recipe.spread;
          recipe.name = fmt::format("{} {}, {} {}", side < 0 ? "below" : "above", threshold, on_it ? "on it" : "across", word);
          if (spike == Spike::never) recipe.name = fmt::format("{} {}", side < 0 ? "below" : "above", threshold);
          recipe.indices = static_cast<Indices>(seed % 5);
          recipe.integer = static_cast<std::int64_t>(seed % 4);
          recipe.seed = seed++;
          made.push_back(std::move(recipe));
        }
  return made;
}

std::vector<Recipe> edge_recipes(const Roles& roles) {
  std::vector<Recipe> made;
  std::uint64_t seed = 50;
  if (roles.strange) {
    for (const auto& [name, shape] : {std::pair{"infinities", Shape::infinite}, {"no numbers", Shape::strange}}) {
      made.push_back(basic(name, shape, Indices::permutation, 1, seed++));
      made.back().scalar = 0.75;
    }
  }
  std::vector<std::pair<Spike, const char*>> places = {{Spike::first, "first"}, {Spike::last, "last"}};
  if (!roles.kept.empty()) places.emplace_back(Spike::middle, "middle");
  for (const auto& [value, sign] : {std::pair{8.0, "large"}, {-8.0, "negative"}})
    for (const auto& [spike, word] : places) {
      Recipe recipe = basic("", Shape::around, Indices::permutation, 1, seed++);
      recipe.name = fmt::format("a {} {} value", sign, word);
      recipe.center = -value / 4, recipe.spike = spike, recipe.spike_value = value;
      made.push_back(recipe);
    }
  for (const double threshold : roles.thresholds) {
    if ((threshold == 0 && !roles.exits) || made.size() >= kMostEdges) continue;  // the ties of all have 0
    Recipe recipe = basic("", Shape::ties, Indices::duplicates, std::llround(std::clamp(threshold, -1e9, 1e9)), seed++);
    recipe.name = fmt::format("ties at {}", threshold);
    recipe.center = threshold, recipe.spread = threshold == 0 ? 1 : std::abs(threshold) / 16;
    made.push_back(recipe);
    for (const double side : {-1.0, 1.0}) {
      recipe.shape = Shape::around, recipe.seed = seed++;
      recipe.spread = 1 + std::abs(threshold) / 4;
      recipe.center = threshold + side * 2 * recipe.spread;
      recipe.spike = Spike::late, recipe.spike_value = threshold;
      recipe.name = fmt::format("{} {}, one on it", side < 0 ? "below" : "above", threshold);
      made.push_back(recipe);
    }
  }
  if (roles.extrema)
    for (const auto& [name, shape] : {std::pair{"zeros on top", Shape::zeros_on_top}, {"zeros below", Shape::zeros_below}})
      for (const auto& [spike, word] : {std::pair{Spike::first, "first"}, {Spike::last, "last"}}) {
        made.push_back(basic("", shape, Indices::permutation, 1, seed++));
        made.back().name = fmt::format("{}, the {} positive", name, word);
        made.back().spike = spike;
      }
  // What a loop multiplies by itself again and again overflows where its factors alone are multiplied; its values are 0.
  if (roles.carries_products) made.push_back(basic("zeros among factors above 1", Shape::still, Indices::permutation, 1, 49));
  const std::size_t once = made.size();
  for (std::size_t i = 0; i < once && !roles.kept.empty(); ++i) {
    Recipe recipe = made[i];
    recipe.kept = true, recipe.name += ", kept too";
    made.push_back(std::move(recipe));
  }
  return made;
}

Recipe random_recipe(const Roles& roles, std::uint64_t number) {
  Random random(number);
  constexpr double kSpreads[] = {0, 0.01, 1, 3, 30, 1000, 1e6};
  Recipe recipe;
  recipe.name = fmt::format("guess {}", number);
  recipe.shape = Shape::around;
  const double threshold =
      roles.thresholds.empty() ? 0 : roles.thresholds[random.below(static_cast<std::int64_t>(roles.thresholds.size()))];
  recipe.spread = kSpreads[random.below(std::size(kSpreads))];
  recipe.center = threshold + random.between(-1, 1) * recipe.spread;
  recipe.spike = static_cast<Spike>(random.below(5));
  recipe.spike_value = threshold + random.between(-4, 4) * recipe.spread;
  recipe.indices = static_cast<Indices>(random.below(5));
  recipe.integer = random.below(3) ? random.below(7) - 3 : std::llround(threshold) + random.below(3) - 1;
  if (random.below(2))
    recipe.scalar = (random.below(2) ? threshold : 0) + random.between(-1, 1) * kSpreads[random.below(std::size(kSpreads))];
  recipe.seed = number + 1000;
  return recipe;
}

std::vector<Values> sizes_of(const Function& function, const Roles& roles, const Facts& facts, double most_iterations) {
  std::vector<std::int64_t> wanted;
  if (roles.depth > 1)
    wanted = {1, 2, 15, 17, 33, 64, 129, 256};
  else
    wanted = {0, 1, 2, 3, 31, 33, 255, 257, 1000, 1023, 4099, 10000, 32000};
  for (const std::int64_t length : roles.lengths)
    for (const std::int64_t near : {length, length - 1})
      if (near > 0) wanted.push_back(near);
  if (roles.begin > 3)  // none, one and two iterations, and more than a block has threads
    for (const std::int64_t more : {0, 1, 2, 257}) wanted.push_back(roles.begin + more);
  std::vector<std::string> names;
  for (const std::string& size : roles.sizes)
    if (!facts.integers.count(size)) names.push_back(size);
  const bool margins = std::ranges::any_of(names, [&](const std::string& name) { return roles.is_margin(name); });

  std::vector<Values> made;
  const auto add = [&](auto value_of) {
    Values values = facts.integers;
    for (std::size_t i = 0; i < names.size(); ++i) values[names[i]] = value_of(i);
    if (std::find(made.begin(), made.end(), values) == made.end() && iterations(function, values) <= most_iterations &&
        elements(function, values) < most_iterations)
      made.push_back(std::move(values));
  };
  if (names.empty()) add([](std::size_t) { return std::int64_t{0}; });
  std::int64_t margin = 0;
  for (const std::int64_t size : wanted) {
    if (names.empty()) break;
    if (margins) add([&](std::size_t i) { return roles.is_margin(names[i]) ? margin : size; });
    margin = (margin + 1) % 4;
    add([&](std::size_t) { return size; });
    for (std::size_t odd = 0; names.size() > 1 && odd < names.size(); ++odd)
      add([&](std::size_t i) { return i == odd ? 1 + size / 3 : size; });
  }
  std::stable_sort(made.begin(), made.end(),
                   [&](const Values& a, const Values& b) { return iterations(function, a) < iterations(function, b); });
  return made;
}

Case make_case(const Function& function, const Roles& roles, const Facts& facts, const Values& sizes, const Recipe& recipe) {
  Values integers = sizes;
  for (const auto& [name, value] : facts.integers) integers[name] = value;
  for (const auto& [name, width] : widths_of(function, roles, integers))  // a stride also as its rows are wide, and padded
    integers[name] = recipe.integer == 1 || recipe.integer == 2 ? width + recipe.integer - 1 : recipe.integer;
  Case made = laid_out(function, integers, facts.overlaps);
  for (const std::string& size : roles.sizes) made.name += fmt::format("{}={} ", size, integers[size]);
  for (const std::string& other : roles.integers) made.name += fmt::format("{}={} ", other, integers[other]);
  made.name += recipe.name;

  std::int64_t longest = 0;
  for (const Memory& memory : made.memories) longest = std::max(longest, memory.elements);
  for (std::size_t m = 0; m < made.memories.size(); ++m) {
    Random random(recipe.seed * 1000 + m);
    // What is as long as all others is sorted, or so: it keeps no extremum of them.
    const std::int64_t length = made.memories[m].elements;
    const bool keeps = (length == 1 ? longest > 1 : length * 8 <= longest) &&
                       std::ranges::any_of(made.arguments, [&](const Argument& argument) {
                         return argument.pointer && argument.memory == static_cast<int>(m) && is_real(argument.type) &&
                                std::ranges::find(roles.kept, argument.name) != roles.kept.end();
                       });
    const bool factors = recipe.shape == Shape::still && std::ranges::any_of(made.arguments, [&](const Argument& argument) {
                           return argument.pointer && argument.memory == static_cast<int>(m) && is_factor(roles, argument.name);
                         });
    fill_values(made.memories[m], random, factors ? growing() : recipe, keeps);
  }
  for (std::size_t i = 0; i < made.arguments.size(); ++i) {
    Argument& argument = made.arguments[i];
    Random random(recipe.seed * 1000 + 500 + i);
    if (!argument.pointer) {
      // Between the values and the spike, where there is one: on one side of most of them.
      argument.real =
          recipe.shape == Shape::around ? (recipe.center + recipe.spike_value) / 2 : real_value(random, recipe, argument.type);
      if (recipe.shape == Shape::still && is_factor(roles, argument.name))
        argument.real = real_value(random, growing(), argument.type);
      if (argument.type == ScalarType::f32) argument.real = static_cast<float>(argument.real);
      continue;
    }
    for (const IndexArray& array : roles.indices)
      if (array.name == argument.name)
        fill_indices(made.memories[argument.memory], argument, random, recipe.indices, range_of(array, function, integers),
                     array.ascending);
  }
  return made;
}

}  // namespace ak::port
