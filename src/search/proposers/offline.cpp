// The cost model's best, corrected by what was measured, spread over families and tile shapes: the model ranks tiles worse than
// it ranks the knobs inside one.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "search/proposers.hpp"
#include "search/surrogate.hpp"

namespace ak {
namespace {

constexpr std::size_t kPerFamily = 256;  // candidates looked at, of the cheapest unknown
constexpr double kCrowding = 0.04;       // a shape's next tactic counts as this much dearer for each one taken,
constexpr int kCrowded = 8;              //   up to so many

// A compile takes from 0.1 to 2 s, by the accumulators of the tile, and the first results are due before the dear ones are
// ready: every kLightEvery-th of a search's first proposals is a light tile.
constexpr int kLightArea = 64 * 128;
constexpr std::size_t kLightEvery = 4;

using Shape = std::tuple<FamilyId, int, int, int>;
Shape shape_of(const Tactic& t) { return {t.family, t.tile_m, t.tile_n, t.swap_ab}; }
bool is_light(const Shape& shape) { return std::get<1>(shape) * std::get<2>(shape) <= kLightArea; }

class Offline final : public Proposer {
 public:
  std::string_view name() const override { return "offline"; }

  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override {
    const Surrogate surrogate(view);
    std::map<Shape, int> taken;
    std::map<Shape, std::vector<RankedTactic>> shapes;  // each dearest first, so that the next is at the back
    std::map<FamilyId, std::size_t> looked_at;
    for (const RankedTactic& ranked : view.space.tactics) {
      if (view.knows(ranked.tactic))
        ++taken[shape_of(ranked.tactic)];
      else if (looked_at[ranked.tactic.family]++ < kPerFamily)
        shapes[shape_of(ranked.tactic)].push_back({ranked.tactic, surrogate.predict_us(ranked)});
    }
    for (auto& [shape, list] : shapes)
      std::stable_sort(list.begin(), list.end(),
                       [](const RankedTactic& a, const RankedTactic& b) { return a.cost_us > b.cost_us; });

    const bool first = surrogate.leaders().empty();
    const auto any_light = [&] {
      return std::any_of(shapes.begin(), shapes.end(),
                         [](const auto& each) { return is_light(each.first) && !each.second.empty(); });
    };
    std::vector<Proposal> proposals;
    while (proposals.size() < count) {
      const bool light = first && proposals.size() % kLightEvery == kLightEvery - 1 && any_light();
      std::vector<RankedTactic>* best = nullptr;
      double best_price = INFINITY;
      for (auto& [shape, list] : shapes) {
        if (list.empty() || (light && !is_light(shape))) continue;
        const double price = list.back().cost_us * (1 + kCrowding * std::min(taken[shape], kCrowded));
        if (!best || price < best_price) best = &list, best_price = price;
      }
      if (!best) break;
      proposals.push_back({best->back().tactic, 0});
      ++taken[shape_of(best->back().tactic)];
      best->pop_back();
    }
    return proposals;
  }
};

}  // namespace

std::unique_ptr<Proposer> make_offline_proposer(const ProposerInputs&) { return std::make_unique<Offline>(); }

}  // namespace ak
