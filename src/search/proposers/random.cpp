// Uniform over the space, without replacement: what every other proposer has to beat.
#include <numeric>
#include <random>

#include "search/proposers.hpp"

namespace ak {
namespace {

class Random final : public Proposer {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  std::string_view name() const override { return "random"; }

  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override {
    const auto& tactics = view.space.tactics;
    if (order_.size() != tactics.size()) {
      order_.resize(tactics.size());
      std::iota(order_.begin(), order_.end(), 0u);
      for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_() % i]);
      next_ = 0;
    }
    std::vector<Proposal> proposals;
    for (; next_ < order_.size() && proposals.size() < count; ++next_)
      if (const Tactic& tactic = tactics[order_[next_]].tactic; !view.knows(tactic)) proposals.push_back({tactic, 0});
    return proposals;
  }

 private:
  std::mt19937_64 random_;
  std::vector<std::uint32_t> order_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Proposer> make_random_proposer(const ProposerInputs& inputs) { return std::make_unique<Random>(inputs.seed); }

}  // namespace ak
