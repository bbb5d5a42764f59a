// A stream that is busy for long, as beside an application's own work, is no lost context.
#include <doctest/doctest.h>

#include "fake_driver.hpp"
#include "own_context.hpp"
#include "plan/resources.hpp"
#include "proof/local_prover.hpp"
#include "search/space.hpp"

using namespace ak;

TEST_CASE("proofs on a busy stream end in time and say nothing of their kernels; once it is idle they are made again") {
  fake::reset();
  OwnContext context;
  {
    const Problem problem = parse_problem("64x256x256 relu");
    Testbed bed(problem, problem, resources(), Allowance{});
    LocalProver prover(bed);
    const auto tactics = make_space(problem, resources().facts()).tactics;
    REQUIRE(tactics.size() > 1);
    const Kernel slow{tactics[0].tactic, "fake kernel: hangs"}, good{tactics[1].tactic, "a cubin"};
    CHECK_NOTHROW(prover.prove(good, Effort::quick, Deadline::in(5)));
    CHECK_THROWS_AS(prover.prove(slow, Effort::quick, Deadline::in(0.05)), TimedOut);
    for (int trial = 0; trial < 2; ++trial) {
      CAPTURE(trial);
      try {
        prover.prove(good, Effort::quick, Deadline::in(0.05));
        FAIL("it was proven");
      } catch (const Failed& failed) {
        CHECK_MESSAGE(failed.outcome == Outcome::timeout, failed.why);
        CHECK(!failed.harms);
      }
    }
    fake::busy(bed.queue.stream(), false);
    CHECK(bed.queue.fault().empty());
    CHECK_NOTHROW(prover.prove(good, Effort::quick, Deadline::in(5)));
  }
  context.end();
}
