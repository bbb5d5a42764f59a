// Integers that only count: k = k + constant, under conditions, with a start outside of the counting loop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analyser/model.hpp"

namespace ak::analyser::flow {

struct Counting {
  std::string name;
  std::vector<int> counts;   // statements k = k + constant, all in one direction
  std::vector<int> starts;   // statements k = something else; also what counts before the loop
  std::int64_t step = 1;     // of the first count
};

/// c of `name + c`.
std::optional<std::int64_t> offset_from(const loop::Term& term, const std::string& name);
/// c of the statement k = k + c, which is not 0.
std::optional<std::int64_t> step_of(const Statement& statement);

/// Of the counts below the outermost loop `root`, those that are a subscript there.
std::map<std::string, Counting> find_counters(const Model& model, int root);

/// Elements that a counter selects lie between its start and start + what it can have counted.
void bound_counted_elements(Model& model);

/// Whether no two runs of the writes through these counters to `array` reach one element, as far as no start lies between.
bool counts_apart(const Model& model, const std::map<std::string, Counting>& counters, const std::string& array);

}  // namespace ak::analyser::flow
