// Recurrences that each iteration of a loop around them runs anew.
#include <doctest/doctest.h>

#include "corpus.hpp"

using namespace ak;

TEST_CASE("corpus: a recurrence that is the same in each iteration around it runs once, and what takes its values in parallel") {
  const std::pair<const char*, const char*> kFirst[] = {
      {"weights_again", "scan+map"},
      {"logistic_again", "sequential+map"},
      {"weights_by_column", "serial"},   // other values in each
      {"weights_ahead_once", "serial"},  // the first reads what was there before
  };
  std::vector<test::Trial> trials;
  for (const auto& [name, first] : kFirst)
    for (const test::OwnLoop& own : test::own_loops()) {
      if (own.name != name) continue;
      trials.push_back(
          {&own, test::candidates_of(own).front(), std::make_shared<test::Data>(own, port::Level::quick), {}, {}});
      CHECK_MESSAGE(trials.back().candidate.template_name == first, name);
    }
  CHECK(trials.size() == std::size(kFirst));
  test::prove(trials, 1);
  for (const test::Trial& trial : trials) CHECK_MESSAGE(trial.right(), trial.text());
}
