// A word that nobody knows, and the one that may have been meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace ak::cli {

/// Of `known`, the word that the fewest changed, added, dropped or swapped letters turn `word` into; "" when that takes more
/// than a third of them.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// Names the first of the words behind `ak` that is no command, or no option of its command, with the nearest there is; ""
/// where all are known. An option's value is no such word. CLI11 counts arguments first, and would complain of a misspelt
/// option's value.
std::string misspelt(const Program& program, int argc, char** argv);

}  // namespace ak::cli
