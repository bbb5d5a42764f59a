// Which of several equal zeros an extremum is: the one that C takes, to the bit, in every candidate.
#include <doctest/doctest.h>

#include <algorithm>

#include "corpus.hpp"

using namespace ak;

TEST_CASE("extrema: of zeros of both signs every candidate has C's") {
  const std::vector<std::string> names = {"top_of_every_other", "latest_top", "lowest_by_columns", "lowest_below_diagonal",
                                          "latest_high",       "latest_top_so_far"};
  const std::vector<std::string> by_index = {"largest_per_class", "lowest_of_each_group", "top_of_chosen"};
  std::vector<test::Trial> trials;
  for (const test::OwnLoop& own : test::own_loops()) {
    const bool indexed = std::ranges::find(by_index, own.name) != by_index.end();
    if (!indexed && std::ranges::find(names, own.name) == names.end()) continue;
    const auto data = std::make_shared<test::Data>(own, port::Level::full);
    data->keep([](const port::Recipe& recipe) { return recipe.tells_zeros(); });
    CHECK(data->plan.cases.size() >= 4);
    std::size_t parallel = 0;
    for (const loop::Candidate& candidate : test::candidates_of(own)) {
      CHECK_MESSAGE(candidate.same_bits, own.name);
      parallel += test::is_parallel(candidate);
      if (indexed && parallel > 1) continue;  // its others differ in the size of a block
      trials.push_back({&own, candidate, data, {}, {}});
    }
    CHECK_MESSAGE(parallel >= 3, own.name);
  }
  REQUIRE(trials.size() > 4 * names.size() + by_index.size());
  test::prove(trials, 2);
  for (const test::Trial& trial : trials) CHECK_MESSAGE(trial.right(), trial.text());
}
