// Proposer: who names the next tactics to try. Stateless in what it knows: everything it may use is in the view.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/trial.hpp"
#include "search/space.hpp"

namespace ak {

using TacticSet = std::unordered_set<Tactic, TacticHash>;

struct SearchView {
  const Problem& problem;
  const DeviceFacts& device;
  const Space& space;                // ranked by predicted cost; own families only
  std::span<const Trial> history;    // every trial so far, vendor's too
  double vendor_us = 0;              // best vendor time so far; 0 while unknown
  double remaining = 1;              // fraction of the budget that is left
  const TacticSet* known = nullptr;  // tried, rejected or already queued: naming one of these again is a wasted proposal

  bool knows(const Tactic& tactic) const { return known && known->contains(tactic); }
};

struct Proposal {
  Tactic tactic;
  int round = 0;
};

class Proposer {
 public:
  virtual ~Proposer() = default;
  virtual std::string_view name() const = 0;
  /// Up to count tactics, best first, not yet known. Never blocks: one that waits for an answer (the LLM) gives what
  /// has arrived. May name tactics outside space.tactics: each is checked by Space::rejects before it runs.
  virtual std::vector<Proposal> propose(const SearchView& view, std::size_t count) = 0;
  /// Whether more may still arrive without new history (an answer is under way).
  virtual bool pending() const { return false; }
  /// One line for the record when it failed or fell silent; empty otherwise.
  virtual std::string note() const { return {}; }
};

}  // namespace ak
