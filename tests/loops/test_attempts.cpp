// Which question comes next.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "port/llm/attempts.hpp"
#include "tests/texts.hpp"

using namespace ak::port;

namespace {

// Asks until it ends or `right` attempts were made; gives how many were.
int asked_until(Attempts& attempts, int right) {
  int asked = 0;
  while (const auto question = attempts.next()) {
    CHECK(question->number == ++asked);
    AttemptEnd end{Status::race, "a[1] meets", "text " + std::to_string(asked), 0, 0};
    if (asked == right) end.status = Status::passed;
    attempts.ended(end);
  }
  return asked;
}

}  // namespace

TEST_CASE("attempts: five told of the one before, then five that know nothing of any, each in other words") {
  Attempts attempts({});
  std::vector<std::string> said;
  for (int i = 1; i <= 10; ++i) {
    const auto question = attempts.next();
    REQUIRE(question);
    CHECK(question->number == i);
    CHECK(question->anew == (i > 5));
    CHECK(question->feedback.empty() == (i == 1));
    for (int before = 1; before < i; ++before)
      CHECK(has(question->feedback, "text " + std::to_string(before) + ".") == (before == i - 1 && i <= 5));
    CHECK(has(question->feedback, "race: a[1] meets") == (i > 1 && i <= 5));
    CHECK(std::find(said.begin(), said.end(), question->feedback) == said.end());
    said.push_back(question->feedback);
    attempts.ended({Status::race, "a[1] meets", "text " + std::to_string(i) + ".", 0, 0});
  }
  CHECK(!attempts.next());
  CHECK(attempts.made() == 10);
}

TEST_CASE("attempts: the first right one ends them, for speed all are made") {
  for (const int right : {1, 3, 5, 6, 10}) {
    Attempts attempts({});
    CHECK(asked_until(attempts, right) == right);
    Attempts faster({.goal = Goal::speed});
    CHECK(asked_until(faster, right) == 10);
  }
  Attempts none({.with_feedback = 0, .anew = 0});
  CHECK(!none.next());
  Attempts single({.with_feedback = 1, .anew = 0});
  CHECK(asked_until(single, 2) == 1);
  Attempts independent({.with_feedback = 0, .anew = 3});
  CHECK(independent.next()->anew);
  CHECK(independent.next()->feedback.empty());  // there was none before
  CHECK(asked_until(independent, 4) == 3);
}

TEST_CASE("attempts: each class of failure is told by its name, its reason and what to do; right ones by their time") {
  for (std::size_t i = 1; i < std::size(kStatusNames); ++i) {
    const std::string said = feedback({static_cast<Status>(i), "because of that", "the text", 0, 0});
    CAPTURE(said);
    CHECK(has(said, "the text"));
    CHECK(has(said, std::string("It failed: ") + std::string(kStatusNames[i]) + ": because of that\n"));
    CHECK(!has(said, "\n Answer"));  // each has its advice
  }
  CHECK(has(feedback({Status::passed, "", "t", 4, 2}), "right but slow: 4.00 us, where the best so far takes 2.00 us"));
  CHECK(has(feedback({Status::passed, "", "t", 1.5, 2}), "takes 1.50 us, the best so far"));
  CHECK(has(feedback({Status::passed, "", "t", 0, 0}), "It is right. Make it faster"));
  CHECK(feedback({Status::unread, "w", std::string(1 << 20, 'x'), 0, 0}).size() < (32 << 10));
}
