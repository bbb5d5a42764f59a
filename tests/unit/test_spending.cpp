// What is spent of an allowance: rests count against nobody.
#include "context/stored_quarantine.hpp"
#include "context/widen.hpp"
#include "fake_machine.hpp"
#include "search/proposers.hpp"

using namespace ak;
using namespace ak::testing;

TEST_CASE("spending: its clock stands still in its rests, and in those of its parts") {
  Allowance allowance;
  allowance.seconds = 10, allowance.duty = 0.01;
  const auto began = Clock::now();
  Spending whole(allowance);
  {
    Spending part(whole.left(), &whole);
    part.rest(0.001);
    CHECK(part.rested() >= 0.099);
    CHECK(part.left().seconds >= part.allowance().seconds - (seconds_since(began) - part.rested()));
  }
  CHECK(whole.rested() >= 0.099);
  const Allowance left = whole.left();
  CHECK(left.seconds >= 10 - (seconds_since(began) - whole.rested()));
  CHECK(left.seconds < 10);
  CHECK(left.duty == allowance.duty);
  CHECK(allowance.latest().remaining() > 900);
  CHECK(allowance.deadline().remaining() <= 10);

  allowance.duty = 1;
  Spending hurried(allowance);
  hurried.rest(100);
  CHECK(hurried.rested() == 0);
}

TEST_CASE("spending: behind the calls, rests at a bucket's first m leave the seconds for its middle") {
  World world;
  FakeMachine machine(world);
  Common common(quick(), memory_store("a test's"));
  StoredQuarantine quarantine(*common.store, machine.hardware());
  const Problem problem = with_tokens(world.land.problem, 96);  // of 65 to 96
  std::vector<std::unique_ptr<Proposer>> proposers;
  proposers.push_back(make_proposer("offline"));
  const auto runner = machine.runner(problem, {}, nullptr);
  const Tuned found = tune(problem, machine.device(), machine.space(problem), *runner, std::move(proposers), {5, 10, 2});
  REQUIRE(found.winner);
  REQUIRE(!is_vendor(found.winner->tactic));

  world.timed_at.clear();
  world.vendor_wins_to = 70, world.quick_s = 0.01;
  Allowance allowance;
  allowance.seconds = 0.5;
  allowance.duty = 0.03;  // a third of a second behind each trial
  Spending spending(allowance);
  const Widened widened = widen(common, machine, problem, found, spending, quarantine, {});
  CHECK(spending.rested() > allowance.seconds);
  CHECK(world.timed_at == std::vector<std::int64_t>{65, 81});
  CHECK(widened.bucket == TokenRange{81, 96});
  REQUIRE(widened.lower);
  CHECK(widened.lower->bucket == TokenRange{65, 80});
}
