// Dependences between statements, by values: a read gets what the last write left, and a write ends what came before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyser/model.hpp"

namespace ak::analyser::flow {

/// One dependence that may happen at run time.
struct Dependence {
  enum class Kind { flow, anti, output };
  static constexpr int kWithin = -1;

  Kind kind = Kind::flow;
  std::string name;                     // array or scalar
  int from = 0, to = 0;                 // statements, as indices of the model
  int reference = -1;                   // of flow and anti: the read, as an index of its statement's references
  int level = kWithin;                  // the carrying loop, as an index of the common loops; or within one iteration of all
  std::vector<std::int64_t> distances;  // in its iterations, ascending; empty: not constant (or within)
  std::vector<std::optional<std::int64_t>> vector;  // the distance in each common loop, where it is one constant
  bool exact = true;                    // both elements are known
  isl::map relation;                    // from instances to instances
};

/// All of them, in text order of `from`.
std::vector<Dependence> dependences(const Model& model);

}  // namespace ak::analyser::flow
