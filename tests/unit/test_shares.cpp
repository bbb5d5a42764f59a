// The plan of seconds of a model's first contact.
#include "cache/pack.hpp"
#include "context/shares.hpp"
#include "fake_machine.hpp"

using namespace ak;
using namespace ak::testing;

TEST_CASE("first contact: four products for 1 to 512 tokens are planned in 30 s, and no search has more than its part") {
  constexpr double kBudget = 3;  // the default
  double planned = 0;
  for (int product = 0; product < 4; ++product) {
    const auto tasks = Context::Impl::preparations({with_tokens(Problem{}, 512), {1, 512}});
    CHECK(tasks.size() == 17);
    CHECK(tasks.front().share == kFirstShare);
    for (const auto& task : tasks) {
      const double seconds = seconds_of(task.share, kBudget);
      CHECK(seconds - end_of(seconds) >= 0.1);  // what a search takes at least
      CHECK(end_of(seconds) >= 0.1);
      planned += seconds;
    }
  }
  CHECK(planned <= 30);
  CHECK(planned > 25);                                                                               // and little of it is left
  CHECK(Context::Impl::preparations({with_tokens(Problem{}, 512), {500, 512}}).front().share == 1);  // one bucket

  Settings settings = quick();
  settings.budget_s = kBudget, settings.max_trials = 8;
  Fixture f(settings);
  const Context::Impl::Wanted model{with_tokens(f.problem, 512), {1, 512}};
  f.context->prepare(std::span(&model, 1), {});
  REQUIRE(f.world.allowed.size() == f.world.timed_at.size());
  double allowed = 0;
  for (const double seconds : f.world.allowed) allowed += seconds;
  CHECK(f.world.timed_at.size() >= 17 + 15);  // both ends of each, where it has two
  CHECK(allowed <= planned / 4 + 1e-6);
  CHECK(allowed > planned / 4 * 0.99);
}

TEST_CASE("first contact: a short budget is never more than given, and its neighbours have what a search takes") {
  for (const double budget : {0.2, 0.5, 1.0, 3.0, 20.0}) {
    CAPTURE(budget);
    CHECK(seconds_of(1, budget) == budget);
    CHECK(seconds_of(kNeighbourShare, budget) <= budget);
    CHECK(seconds_of(kNeighbourShare, budget) >= 0.2);
    for (const double seconds : {seconds_of(1, budget), seconds_of(kNeighbourShare, budget)}) {
      CHECK(end_of(seconds) < seconds / 2);
      CHECK(end_of(seconds) >= 0.08);
    }
  }
}

TEST_CASE("first contact: what comes next is compiled ahead, by the cost model's choice or by what a pack names") {
  Fixture f;
  const Context::Impl::Wanted model{with_tokens(f.problem, 512), {1, 512}};
  f.context->prepare(std::span(&model, 1), {});
  REQUIRE(f.world.coming.size() == 16);  // the first of 17 has its turn at once
  CHECK(f.world.coming.front().problem.m == 448);
  CHECK(f.world.coming.back().problem.m == 1);
  for (const auto& coming : f.world.coming) CHECK(coming.tactics.empty());
  std::vector<PackEntry> entries;
  f.context->store().for_each([&](const PlanRecord& record) {
    if (!is_vendor(record.tactic)) entries.push_back({record, std::nullopt});
  });
  REQUIRE(entries.size() == 17);
  f.world.coming.clear();
  f.context->prepare(std::span(&model, 1), {});
  CHECK(f.world.coming.empty());  // all of it stands

  Settings settings = quick();
  settings.packs = {std::string(AK_BINARY_DIR) + "/test_first_contact.pack"};
  write_pack(settings.packs.front(), entries);
  Fixture packed(settings);
  packed.context->prepare(std::span(&model, 1), {});
  CHECK(packed.context->counters().searches == 0);
  CHECK(packed.context->counters().pack_hits == 17);
  REQUIRE(packed.world.coming.size() == 16);
  for (const auto& coming : packed.world.coming) {
    REQUIRE(coming.tactics.size() == 1);
    CHECK(coming.tactics.front() == packed.context->store().find(coming.problem, packed.world.hardware)->tactic);
  }
}
