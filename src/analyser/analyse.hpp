// A function's nest -> the verdict of its loops.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyser/facts.hpp"
#include "loop/verdict.hpp"

namespace ak::analyser {

/// One that the analysis says may happen at run time.
struct PredictedDependence {
  enum class Kind { flow, anti, output };
  Kind kind = Kind::flow;
  std::string name;                     // array or scalar
  int from = 0, to = 0;                 // nodes; a branch or loop that reads stands for itself
  int loop = 0;                         // that carries it; 0: within one iteration of all common loops
  std::vector<std::int64_t> distances;  // in its iterations; empty: any
};

struct Analysis {
  loop::Verdict verdict;
  std::vector<PredictedDependence> dependences;  // of verdict.function
};

constexpr unsigned long kOperations = 20'000'000;  // of isl: a few seconds

/// `notes` are the ones that came with the function: inductions, structured. What is not understood becomes sequential with a
/// cause; what cannot be known at all, `refused`. `without`: modules that are switched off, by loops.md's words.
/// What takes isl more than `operations` is not understood.
Analysis analysis(loop::Function function, const Facts& facts, const std::vector<loop::Note>& notes = {},
                  const std::set<std::string>& without = {}, unsigned long operations = kOperations);

/// The whole verdict: the analysis, and for each finding whether the verdict would be another without its module.
loop::Verdict analyse(loop::Function function, const Facts& facts, const std::vector<loop::Note>& notes = {});

}  // namespace ak::analyser
