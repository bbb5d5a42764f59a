// Loops of the library's own whose kernels show a language model what one of a class looks like.
#pragma once

#include <string>
#include <vector>

#include "loop/launch.hpp"
#include "port/analysis.hpp"

namespace ak::port {

struct Skeleton {
  std::string text;           // C
  loop::Verdict verdict;      // of it
  loop::Candidate candidate;  // the shortest that its template makes for a whole GPU
};

/// For a function whose best candidate is of this template (its parts are joined by +), the most like it first, and a map last;
/// none is `function` itself. Throws as analyse() does.
std::vector<Skeleton> skeletons_for(const std::string& template_name, const loop::Function& function, const Tools& tools,
                                    Deadline deadline);

}  // namespace ak::port
