// Local moves: one-knob neighbours of the leaders within the space, the most promising first; two-knob neighbours of the best
// when those run out.
#include <algorithm>

#include "search/proposers.hpp"
#include "search/surrogate.hpp"

namespace ak {
namespace {

constexpr std::size_t kMeasuredFirst = 4;  // leaders mean nothing before
constexpr std::size_t kLeaders = 3;
constexpr double kTooDear = 1.5;  // a neighbour predicted this much slower than its leader is not worth a compile

class Local final : public Proposer {
 public:
  std::string_view name() const override { return "local"; }

  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override {
    const Surrogate surrogate(view);
    const auto& leaders = surrogate.leaders();
    std::vector<Proposal> proposals;
    if (leaders.size() < kMeasuredFirst) return proposals;

    TacticSet named;
    const auto add = [&](const std::vector<RankedTactic>& list, std::size_t rank) {
      if (rank < list.size() && proposals.size() < count && named.insert(list[rank].tactic).second)
        proposals.push_back({list[rank].tactic, 0});
    };
    std::vector<std::vector<RankedTactic>> around;
    for (std::size_t i = 0; i < kLeaders; ++i) around.push_back(neighbours(view, surrogate, leaders[i], 1));
    for (std::size_t rank = 0; rank < count; ++rank)
      for (const auto& list : around) add(list, rank);
    if (proposals.size() < count) {
      const auto wider = neighbours(view, surrogate, leaders.front(), 2);
      for (std::size_t rank = 0; rank < wider.size(); ++rank) add(wider, rank);
    }
    return proposals;
  }

 private:
  static std::vector<RankedTactic> neighbours(const SearchView& view, const Surrogate& surrogate, const RankedTactic& leader,
                                              int apart) {
    std::vector<RankedTactic> list;
    for (const RankedTactic& ranked : view.space.tactics) {
      if (knobs_apart(ranked.tactic, leader.tactic) != apart || ranked.tactic.family != leader.tactic.family) continue;
      if (view.knows(ranked.tactic)) continue;
      const double predicted = surrogate.predict_us(ranked);
      if (predicted < kTooDear * leader.cost_us) list.push_back({ranked.tactic, predicted});
    }
    std::stable_sort(list.begin(), list.end(),
                     [](const RankedTactic& a, const RankedTactic& b) { return a.cost_us < b.cost_us; });
    return list;
  }
};

}  // namespace

std::unique_ptr<Proposer> make_local_proposer(const ProposerInputs&) { return std::make_unique<Local>(); }

}  // namespace ak
