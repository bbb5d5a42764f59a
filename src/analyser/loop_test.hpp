// What keeps a loop going: its test, and what a comparison in it says of a variable that moves.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analyser/c_tree.hpp"

namespace ak::analyser {

/// Where a loop goes on or ends.
struct LoopTest {
  std::size_t at = 0;             // in the body
  bool last = false;              // of a do-while: the first iteration is not asked
  std::vector<loop::Term> holds;  // all of them while it goes on
};

/// The test that the statement at `at` of the loop's body is; nothing where it is none.
std::optional<LoopTest> test_at(const Statement& loop, std::size_t at);
/// Whether the list leaves the loop and does nothing else.
bool leaves(const Statements& list, int loop);
/// a && b && c
void conjuncts(const loop::Term& term, std::vector<loop::Term>& found);

/// v op bound, v alone on the left.
struct Comparison {
  std::string variable, op;
  loop::Term bound;
  std::int64_t factor = 1;  // of v, above 0
};

/// Of the one variable among those `written` that the term compares with something that does not change.
std::optional<Comparison> compared(const loop::Term& term, const std::set<std::string>& written);
/// "<" for ">".
std::string turned(const std::string& op);

/// What v = v + 2 adds.
std::optional<loop::Term> step_of(const Statement& statement, const std::string& variable);

}  // namespace ak::analyser
