// tests/gpu/loops.json: how the loops of a suite that is not ours fared on a GPU, without a word of its text; and what
// README.md says of it. Both are made of the results.json of `ak port --out`, and need no GPU.
#pragma once

#include <string>

#include "port/report/results.hpp"

namespace ak::proof {

/// Names, classes, tactics and times, a function a line; no verdict, file or message, which speak of the text.
std::string loop_record(const port::Results& results);

/// How many are right and parallel, and for each comparison the distribution, the share at 1x or more and the geometric mean;
/// `larger`: the same functions over a million elements, if that was run.
std::string loop_table(const port::Results& results, const port::Results* larger);

/// What the table leaves out, by name: functions that are not right, not parallel, not compared, slower than C, or dispatched
/// behind it.
std::string loop_names(const port::Results& results);

}  // namespace ak::proof
