// The proposers by name. To add one: a file under proposers/ and a line in proposers.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "search/proposer.hpp"

namespace ak {

/// A winner of another problem, or of another GPU.
struct PortfolioItem {
  Problem problem;
  Tactic tactic;
  double apart = 0;  // what its GPU being another one adds to the distance
};

struct LlmOptions;

struct ProposerInputs {
  std::uint64_t seed = 1;
  std::vector<PortfolioItem> portfolio;
  std::shared_ptr<const LlmOptions> llm = {};  // null: none is configured
  Deadline deadline = Deadline::never();       // of the search
};

/// portfolio: winners of the nearest problems first. offline: the cost model's best, spread over families and tile shapes.
/// local: neighbours of the leaders. llm: a language model; null where none is configured. genetic, random: to compare with.
/// Throws Error{invalid_argument} for another name.
std::unique_ptr<Proposer> make_proposer(std::string_view name, const ProposerInputs& inputs = {});

std::span<const std::string_view> proposer_names();

/// Those that every search asks, in their order.
std::vector<std::unique_ptr<Proposer>> make_search_proposers(const ProposerInputs& inputs);

/// How far two problems are from each other, 0 for the same: octaves of m, n, k, plus a penalty for each difference in
/// structure.
double distance(const Problem& a, const Problem& b);

std::unique_ptr<Proposer> make_offline_proposer(const ProposerInputs& inputs);
std::unique_ptr<Proposer> make_portfolio_proposer(const ProposerInputs& inputs);
std::unique_ptr<Proposer> make_llm_proposer(const ProposerInputs& inputs);
std::unique_ptr<Proposer> make_local_proposer(const ProposerInputs& inputs);
std::unique_ptr<Proposer> make_random_proposer(const ProposerInputs& inputs);
std::unique_ptr<Proposer> make_genetic_proposer(const ProposerInputs& inputs);

}  // namespace ak
