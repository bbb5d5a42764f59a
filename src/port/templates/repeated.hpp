// What every iteration of a parallel loop does alike.
#pragma once

#include <cstddef>
#include <vector>

#include "loop/verdict.hpp"

namespace ak::port {

/// A recurrence that each iteration of a loop around it runs anew, with the same values as all others (a[j] = 1 - a[j - 1] in a
/// loop over i), as a group of its own before that loop, which runs once.
struct RunOnce {
  loop::Verdict verdict;
  std::vector<std::size_t> origins;  // of each group, among those of the verdict before
};
RunOnce with_repeats_run_once(loop::Verdict verdict);

}  // namespace ak::port
