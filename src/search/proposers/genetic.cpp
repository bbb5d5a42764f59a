// A small genetic search: children of two of the fastest, knob by knob from either, now and then a knob from anywhere in the
// space. Without parents it picks at random.
#include <algorithm>
#include <random>

#include "search/proposers.hpp"
#include "search/surrogate.hpp"

namespace ak {
namespace {

constexpr std::size_t kPopulation = 8;
constexpr int kTriesPerChild = 16;

class Genetic final : public Proposer {
 public:
  explicit Genetic(std::uint64_t seed) : random_(seed) {}
  std::string_view name() const override { return "genetic"; }

  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override {
    std::vector<Proposal> proposals;
    const auto& tactics = view.space.tactics;
    if (tactics.empty()) return proposals;
    const Surrogate surrogate(view);
    auto parents = surrogate.leaders();
    const bool grown = parents.size() >= kPopulation;
    parents.resize(std::min(parents.size(), kPopulation));

    TacticSet named;
    for (std::size_t tries = 0; proposals.size() < count && tries < count * kTriesPerChild; ++tries) {
      const Tactic child = grown ? cross(pick(parents), pick(parents), pick(tactics)) : pick(tactics);
      if (view.knows(child) || !named.insert(child).second) continue;
      if (view.space.rejects && view.space.rejects(child)) continue;
      proposals.push_back({child, 0});
    }
    return proposals;
  }

 private:
  const Tactic& pick(const std::vector<RankedTactic>& from) { return from[random_() % from.size()].tactic; }

  Tactic cross(const Tactic& mother, const Tactic& father, const Tactic& stranger) {
    Tactic child = mother;
    for (const Knob& knob : kKnobs) {
      if (father.family == mother.family && random_() % 2) child.*knob.member = father.*knob.member;
      if (stranger.family == mother.family && random_() % 8 == 0) child.*knob.member = stranger.*knob.member;
    }
    return child;
  }

  std::mt19937_64 random_;
};

}  // namespace

std::unique_ptr<Proposer> make_genetic_proposer(const ProposerInputs& inputs) { return std::make_unique<Genetic>(inputs.seed); }

}  // namespace ak
