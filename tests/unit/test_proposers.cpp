#include <doctest/doctest.h>

#include <set>

#include "landscape.hpp"
#include "search/proposers.hpp"
#include "search/surrogate.hpp"

using namespace ak;
using ak::testing::Landscape;

namespace {

struct Fixture {
  Landscape land;
  Space space = land.space();
  std::vector<Trial> history;
  TacticSet known;

  SearchView view() { return {land.problem, land.device, space, history, 0, 1, &known}; }
  void try_out(const Tactic& tactic) {
    known.insert(tactic);
    history.push_back(land.trial(tactic));
  }
};

}  // namespace

TEST_CASE("every proposer keeps to the count, repeats nothing known, and is content with an empty space") {
  for (const auto name : proposer_names()) {
    CAPTURE(std::string(name));
    Fixture f;
    for (int i = 0; i < 40; ++i) f.try_out(f.space.tactics[static_cast<std::size_t>(i) * 7].tactic);
    const auto proposer =
        make_proposer(name, {5, {{f.land.problem, f.space.tactics[3].tactic}, {f.land.problem, f.space.tactics[0].tactic}}});
    if (name == "llm") {
      CHECK_FALSE(proposer);  // none is configured
      continue;
    }
    CHECK(proposer->name() == name);
    const auto proposals = proposer->propose(f.view(), 10);
    CHECK(proposals.size() <= 10);
    CHECK(!proposals.empty());
    TacticSet seen;
    for (const Proposal& p : proposals) {
      CHECK(!f.known.contains(p.tactic));
      CHECK(seen.insert(p.tactic).second);
      CHECK(!f.land.rejects(p.tactic));
    }
    CHECK(proposer->propose(f.view(), 0).empty());
    Fixture empty;
    empty.space.tactics.clear();
    CHECK(make_proposer(name)->propose(empty.view(), 10).empty());
  }
  CHECK_THROWS_WITH_AS(make_proposer("oracle"), doctest::Contains("oracle"), Error);
}

TEST_CASE("offline starts with the model's best and spreads over tile shapes") {
  Fixture f;
  const auto proposals = make_proposer("offline")->propose(f.view(), 24);
  REQUIRE(proposals.size() == 24);
  CHECK(proposals.front().tactic == f.space.tactics.front().tactic);
  std::set<std::pair<int, int>> plain, spread;
  for (int i = 0; i < 24; ++i)
    plain.emplace(f.space.tactics[static_cast<std::size_t>(i)].tactic.tile_m,
                  f.space.tactics[static_cast<std::size_t>(i)].tactic.tile_n);
  for (const auto& p : proposals) spread.emplace(p.tactic.tile_m, p.tactic.tile_n);
  CHECK(spread.size() > plain.size());
}

TEST_CASE("a search's first proposals hold light tiles, which compile soon") {
  Fixture f;
  for (auto& ranked : f.space.tactics)
    if (ranked.tactic.tile_m * ranked.tactic.tile_n <= 64 * 128) ranked.cost_us *= 10;  // never by their own merit
  const auto light = [](const std::vector<Proposal>& list) {
    return std::count_if(list.begin(), list.end(),
                         [](const Proposal& p) { return p.tactic.tile_m * p.tactic.tile_n <= 64 * 128; });
  };
  CHECK(light(make_proposer("offline")->propose(f.view(), 16)) == 4);
  for (std::size_t i = 0; i < 10; ++i) f.try_out(f.space.tactics[i].tactic);
  CHECK(light(make_proposer("offline")->propose(f.view(), 16)) == 0);
}

TEST_CASE("offline hands out the whole space and no more") {
  Fixture f;
  f.space.tactics.resize(50);
  const auto offline = make_proposer("offline");
  for (int asked = 0; asked < 20; ++asked)
    for (const auto& p : offline->propose(f.view(), 7)) CHECK(f.known.insert(p.tactic).second);
  CHECK(f.known.size() == 50);
}

TEST_CASE("the surrogate learns where the cost model is wrong") {
  Fixture f;
  // The model takes 256-wide tiles for three times cheaper than they are.
  for (auto& ranked : f.space.tactics)
    if (ranked.tactic.tile_n == 256) ranked.cost_us /= 3;
  const auto first = make_proposer("offline")->propose(f.view(), 8);
  for (const auto& p : first) f.try_out(p.tactic);
  for (std::size_t i = 0; i < f.space.tactics.size(); i += 50) f.try_out(f.space.tactics[i].tactic);
  const auto share = [](const std::vector<Proposal>& list) {
    return std::count_if(list.begin(), list.end(), [](const Proposal& p) { return p.tactic.tile_n == 256; });
  };
  const auto later = make_proposer("offline")->propose(f.view(), 8);
  CHECK(share(first) >= 6);  // but for the light ones
  CHECK(share(later) <= 3);
}

TEST_CASE("the portfolio gives the nearest problem's winner first, own kernels only") {
  Fixture f;
  Tactic vendor;
  vendor.family = FamilyId::vendor;
  const Tactic near = f.space.tactics[10].tactic, far = f.space.tactics[20].tactic;
  ProposerInputs inputs;
  inputs.portfolio = {{parse_problem("512x4096x1024 silu"), far},
                      {f.land.problem, vendor},
                      {parse_problem("1024x2048x1024 silu"), near},
                      {parse_problem("1024x2048x1024 relu"), near},
                      {parse_problem("1x1x1"), f.space.tactics[30].tactic}};
  const auto proposals = make_proposer("portfolio", inputs)->propose(f.view(), 10);
  REQUIRE(proposals.size() == 2);
  CHECK(proposals[0].tactic == near);
  CHECK(proposals[1].tactic == far);

  inputs.portfolio.clear();  // of another GPU: as if it were that much further away; and never more than a few
  for (std::size_t i = 0; i < 10; ++i) inputs.portfolio.push_back({f.land.problem, f.space.tactics[i].tactic, 1 + 0.1 * i});
  inputs.portfolio.push_back({parse_problem("2048x1024x1024"), near});
  const auto few = make_proposer("portfolio", inputs)->propose(f.view(), 10);
  REQUIRE(few.size() == 4);
  CHECK(few[0].tactic == f.space.tactics[0].tactic);
  CHECK(few[1].tactic == near);
}

TEST_CASE("distance is 0 for the same problem, grows with octaves, and structure counts") {
  const Problem p = parse_problem("1024x1024x1024 relu");
  CHECK(distance(p, p) == 0);
  CHECK(distance(p, parse_problem("2048x1024x1024 relu")) == doctest::Approx(1));
  CHECK(distance(p, parse_problem("1024x1024x1024 silu")) < distance(p, parse_problem("1024x1024x1024 relu a=m")));
  CHECK(distance(p, parse_problem("1024x1024x1024 relu align=2,16,16,16")) > 1);
  CHECK(distance(parse_problem("0x1x1"), parse_problem("0x1x1")) == 0);
}

TEST_CASE("local moves wait for leaders, then stay within a knob or two of them") {
  Fixture f;
  CHECK(make_proposer("local")->propose(f.view(), 10).empty());
  for (std::size_t i = 0; i < 12; ++i) f.try_out(f.space.tactics[i * 3].tactic);
  const auto proposals = make_proposer("local")->propose(f.view(), 10);
  REQUIRE(proposals.size() == 10);
  const Surrogate surrogate(f.view());
  for (const auto& p : proposals) {
    int nearest = 99;
    for (std::size_t i = 0; i < 3; ++i) nearest = std::min(nearest, knobs_apart(p.tactic, surrogate.leaders()[i].tactic));
    CHECK(nearest <= 2);
  }
}
