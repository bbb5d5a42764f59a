// What a command is to do, where it takes one problem or many.
#pragma once

#include <string>
#include <vector>

#include "cli/cli.hpp"

namespace ak::cli {

/// One problem of the command line, or `--file` with a list of them: what `bench` and `sweep` take.
struct GivenProblems {
  ProblemArguments one;
  std::string file;

  void add_to(Command& command);
  /// Each once, in the list's order; of a range of m each bucket's last. code becomes kUsage where the list has a fault. Throws
  /// Error{invalid_argument} as both do, and where both are given.
  std::vector<Problem> read(int& code) const;
};

/// For an error at one of so many problems: thrown again where it is the only one, or where the others could do no better (no
/// driver, a library that is missing); else they follow.
void end_unless_others_follow(const Error& error, std::size_t problems);

}  // namespace ak::cli
