// A function's nest -> the verdict of its loops.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyser/facts.hpp"
#include "analyser/isl_limits.hpp"
#include "loop/verdict.hpp"

namespace ak::analyser {

/// `notes` are the ones that came with the function: inductions, structured. What is not understood becomes sequential with a
/// cause; what cannot be known at all, `refused`. `without`: modules that are switched off, by loops.md's words.
/// What takes isl more than its limits is not understood. Each finding says whether the verdict would be another without its
/// module.
loop::Verdict analyse(loop::Function function, const Facts& facts, const std::vector<loop::Note>& notes = {},
                      const std::set<std::string>& without = {}, const Limits& limits = {});

/// How much it leaves open: loops that run in order or write nobody knows where, distances that are not known.
std::size_t left_open(const loop::Verdict& verdict);

}  // namespace ak::analyser
