// What goes from iteration to iteration of one loop by an associative law, and what a thread must know of an iteration before
// and after all earlier ones are known.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "port/templates/templates.hpp"

namespace ak::port {

/// A scalar or an array's element that each iteration makes from what it finds; or a few that it makes from all of them.
struct Carried {
  enum class Law {
    sum,      // x + c
    affine,   // m x + c, of several values a matrix and a vector
    extreme,  // "min" or "max" of x and c, or another operator
    hold,     // x, or c in some iterations; of several the last few c
  };
  std::string name;
  loop::Term target;  // the scalar or the element that an iteration writes
  // What an iteration finds: these scalars; of an array the element of the iteration before, of the one before that, ...
  std::vector<loop::Term> values;
  loop::ScalarType type = loop::ScalarType::f32;  // in which it is computed
  Law law = Law::sum;
  std::string op;                 // of `extreme`: the functor of kernels/loop.cuh
  bool takes_number = false;      // of `extreme`: x that is no number gives way to c that is one (fmax)
  std::int64_t distance = 1;      // iterations
  std::vector<std::string> rows;  // what the steps go by: scalars of an iteration, as rows of the law's type
  /// Whether it is one of the values, unrounded.
  bool picks() const { return law == Law::extreme && (op.ends_with("Min") || op.ends_with("Max")); }
  bool array() const { return target.kind == loop::Term::Kind::element; }
  bool is(const loop::Term& term) const {
    return term.kind == target.kind && std::ranges::any_of(values, [&](const auto& one) { return one.text == term.text; });
  }
  std::string step() const { return name + "_step_"; }  // scalar: what an iteration does, as a value of the law's type
  /// Value `i` before an iteration, and before the first.
  std::string found(std::size_t i) const { return array() ? name + "_found_" + numbered(i) : values[i].text; }
  std::string first(std::size_t i) const { return (array() ? name : values[i].text) + "_first_" + (array() ? numbered(i) : ""); }

 private:
  static std::string numbered(std::size_t i) { return i == 0 ? "" : fmt::format("{}_", i); }
};

/// A read that must be done before any later iteration writes: its value is kept in slot() until the second phase.
struct Saved {
  loop::Term read;
  std::string name;
  std::string slot() const { return name + "[k_]"; }
};

/// An iteration in two phases. The first reads arrays and sets scalars, and writes no memory; all iterations' first phases may
/// come before any second phase, in which the iteration runs as C has it, from what it finds.
struct Phases {
  std::vector<loop::Local> locals;  // scalars of theirs
  std::vector<Carried> carried;
  std::vector<Saved> saved;
  std::vector<loop::Node> first;   // sets the carried ones' steps, from the identity, and the slots
  std::vector<loop::Node> second;  // reads found(), slots
};

/// Of the innermost loop of the group, which is `loop`, with its recurrences and counters. Nothing where they have no such law,
/// or the phases are not right for what the iterations share.
std::optional<Phases> phases_of(const Work& work, const loop::Node& loop);

}  // namespace ak::port
