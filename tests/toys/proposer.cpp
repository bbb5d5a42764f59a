// The last of the space first: what no other proposer would begin with.
#include "search/proposers.hpp"

namespace ak {
namespace {

class Toy final : public Proposer {
 public:
  std::string_view name() const override { return "toy"; }

  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override {
    std::vector<Proposal> proposals;
    const auto& tactics = view.space.tactics;
    for (auto it = tactics.rbegin(); it != tactics.rend() && proposals.size() < count; ++it)
      if (!view.knows(it->tactic)) proposals.push_back({it->tactic, 0});
    return proposals;
  }
};

}  // namespace

std::unique_ptr<Proposer> make_toy_proposer(const ProposerInputs&) { return std::make_unique<Toy>(); }

}  // namespace ak
