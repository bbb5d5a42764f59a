// The iterations of parallel loops, shared out among all threads of a grid of any size: neighbours in a block take neighbours
// in the loop along which memory lies, `col`; blocks take the others, `rows`.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "port/templates/templates.hpp"

namespace ak::port {

struct Sweep {
  std::vector<loop::Term> guards;   // around all loops: where one is false nothing runs
  std::vector<loop::Node> rows;     // loops without their bodies, outermost first; their bounds need none of the others
  std::vector<loop::Node> inside;   // loops that stay in a thread, around `col`
  loop::Node col;                   // without its body
  std::vector<loop::Node> body;     // of one iteration
  std::vector<loop::Node> warm_up;  // sets the scalars that an iteration takes from the `distance` ones before it
  std::set<std::string> warm;       // these scalars
  std::int64_t distance = 0;

  bool single() const { return rows.empty() && inside.empty(); }
};

struct Share {
  std::set<loop::Role> roles{loop::Role::parallel};  // of the loops to share out
  std::set<std::string> carried;                     // scalars that the template carries from iteration to iteration itself
  bool notes = false;                                // takes care of anti and output
  bool exits = false;                                // takes care of leave and finish
  bool in_order = false;                             // the innermost loop is `col`, along memory or not
};

/// Nothing where the nest is of no such form, or where threads would meet in what is not thought of.
std::optional<Sweep> sweep_of(const Work& work, const Share& share = {});

/// What stands in an iteration, in C with that indentation. In it `col_` counts the iterations of `col` and `row_` those of the
/// rows; of a pack, `lane_` counts too, and packs->lane() is to be applied.
using Iteration = std::function<std::string(int indent, bool packed)>;
class Packs;

/// The loops in C around iterations. `limit`: an upper bound of the count of iterations, if any; of single() sweeps.
std::string sweep_text(const Sweep& sweep, const Iteration& iteration, const std::string& limit = {},
                       const Packs* packs = nullptr);
/// The usual iteration: warm-up and body.
std::string iteration_text(const Sweep& sweep, const std::vector<loop::Node>& body, int indent);
/// What must stand before the loops for iteration_text().
std::string warm_up_opening(const Work& work, const Sweep& sweep);

/// How many iterations, in C as a long long, perhaps below 0.
std::string trips_text(const loop::Node& loop);
/// The variable's value in iteration `number`: a declaration in C.
std::string variable_text(const loop::Node& loop, const std::string& number);
/// Blocks for `each` iterations of `col` a block, at least 1, whatever the sizes; geometry of any loops is right.
loop::Term blocks_for(const Work& work, const Sweep& sweep, int each);

}  // namespace ak::port
