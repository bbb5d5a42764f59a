// Winners of the nearest problems, nearest first.
#include <algorithm>
#include <cmath>

#include "search/proposers.hpp"

namespace ak {

double distance(const Problem& a, const Problem& b) {
  const auto octaves = [](std::int64_t x, std::int64_t y) {
    return std::fabs(
        std::log2(static_cast<double>(std::max<std::int64_t>(x, 1)) / static_cast<double>(std::max<std::int64_t>(y, 1))));
  };
  const auto alignment = [](int x, int y) {
    return 0.5 * std::fabs(std::log2(static_cast<double>(std::max(x, 1)) / std::max(y, 1)));
  };
  const auto& e = a.epilogue;
  const auto& f = b.epilogue;
  double d = octaves(a.m, b.m) + octaves(a.n, b.n) + octaves(a.k, b.k);
  d += 2.0 * (a.a_major != b.a_major) + 2.0 * (a.b_major != b.b_major);
  d += alignment(a.align_a, b.align_a) + alignment(a.align_b, b.align_b) + 0.5 * alignment(a.align_d, b.align_d);
  d += 0.1 * (a.in != b.in) + 0.1 * (e.activation != f.activation) + 0.1 * (e.bias != f.bias) +
       0.05 * (e.bias_dtype != f.bias_dtype);
  d += 0.5 * (size_of(e.out) != size_of(f.out)) + 0.05 * (e.out != f.out) + 0.5 * (e.has_c != f.has_c) +
       0.05 * (e.unit_alpha != f.unit_alpha);
  d += 2.0 * (e.gated != f.gated) + 0.3 * (e.aux != f.aux) + 0.1 * (e.row_scale != f.row_scale) +
       0.1 * (e.column_scale != f.column_scale);
  return d + 1.0 * (a.numerics != b.numerics) + 8.0 * (a.batch != b.batch);
}

namespace {

constexpr std::size_t kMost = 4;  // beyond these the cost model knows as much
constexpr double kTooFar = 4;     // octaves

class Portfolio final : public Proposer {
 public:
  explicit Portfolio(std::vector<PortfolioItem> items) : items_(std::move(items)) {}
  std::string_view name() const override { return "portfolio"; }

  std::vector<Proposal> propose(const SearchView& view, std::size_t count) override {
    std::vector<std::pair<double, const Tactic*>> near;
    for (const PortfolioItem& item : items_)
      if (const double d = item.apart + distance(item.problem, view.problem); d < kTooFar && !is_vendor(item.tactic))
        near.emplace_back(d, &item.tactic);
    std::stable_sort(near.begin(), near.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
    std::vector<Proposal> proposals;
    TacticSet named;
    for (const auto& [d, tactic] : near) {
      if (named.size() == kMost || proposals.size() == count) break;
      if (named.insert(*tactic).second && !view.knows(*tactic)) proposals.push_back({*tactic, 0});
    }
    return proposals;
  }

 private:
  std::vector<PortfolioItem> items_;
};

}  // namespace

std::unique_ptr<Proposer> make_portfolio_proposer(const ProposerInputs& inputs) {
  return std::make_unique<Portfolio>(inputs.portfolio);
}

}  // namespace ak
