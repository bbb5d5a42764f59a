#include "search/proposers.hpp"

#include <fmt/format.h>

#include <array>

#include "ak/types.hpp"

namespace ak {
namespace {

struct Row {
  std::string_view name;
  std::unique_ptr<Proposer> (*make)(const ProposerInputs&);
  bool searches;  // asked in every search, in this order; the others are there to compare with
};

// One line a proposer.
constexpr Row kProposers[] = {
    {"portfolio", make_portfolio_proposer, true}, {"llm", make_llm_proposer, true},
    {"local", make_local_proposer, true},         {"offline", make_offline_proposer, true},
    {"genetic", make_genetic_proposer, false},    {"random", make_random_proposer, false},
};

constexpr auto kNames = [] {
  std::array<std::string_view, std::size(kProposers)> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kProposers[i].name;
  return names;
}();

}  // namespace

std::unique_ptr<Proposer> make_proposer(std::string_view name, const ProposerInputs& inputs) {
  for (const Row& row : kProposers)
    if (row.name == name) return row.make(inputs);
  throw Error(ErrorCode::invalid_argument, fmt::format("'{}' is not a proposer ({})", name, fmt::join(kNames, ", ")));
}

std::span<const std::string_view> proposer_names() { return kNames; }

std::vector<std::unique_ptr<Proposer>> make_search_proposers(const ProposerInputs& inputs) {
  std::vector<std::unique_ptr<Proposer>> list;
  for (const Row& row : kProposers)
    if (row.searches)
      if (auto proposer = row.make(inputs)) list.push_back(std::move(proposer));
  return list;
}

}  // namespace ak
