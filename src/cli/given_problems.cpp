#include "cli/given_problems.hpp"

#include <algorithm>

#include "cli/problem_list.hpp"
#include "context/context.hpp"

namespace ak::cli {

void GivenProblems::add_to(Command& command) {
  one.add_to(command);
  command.option("--file", file, "a list of problems, as for `ak warm`, instead of one");
}

std::vector<Problem> GivenProblems::read(int& code) const {
  if (file.empty()) return {one.problem()};
  if (one.given()) throw Error(ErrorCode::invalid_argument, "give either a problem or --file, not both");
  const ProblemList list = read_problem_list(file);
  if (!list.faults.empty()) code = kUsage;
  std::vector<Problem> problems;
  for (const auto& item : list.items)
    for (const auto& what : Context::Impl::preparations({item.problem, item.tokens}))
      if (std::ranges::find(problems, what.problem) == problems.end()) problems.push_back(what.problem);
  return problems;
}

void end_unless_others_follow(const Error& error, std::size_t problems) {
  const bool of_all = error.code() == ErrorCode::driver || error.code() == ErrorCode::missing_library;
  if (problems == 1 || of_all) throw error;
}

}  // namespace ak::cli
