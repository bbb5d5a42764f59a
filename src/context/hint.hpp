// Hints: what packs and imports know of a problem. Nothing of it was proven on this machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "context/common.hpp"
#include "machine/machine.hpp"
#include "search/proposers.hpp"
#include "tune/tuner.hpp"

namespace ak {

struct Hint {
  std::string source;       // shipped pack, pack FILE, import
  PlanRecord record;        // of this problem on this hardware, or of its nearest kin's
  std::vector<Tactic> own;  // the kernels worth a trial, likeliest first
  bool exact = true;        // record is of this very problem
  bool again = false;       // record is this machine's own winner, to be proven again
};

/// old: the record of the store that is to be proven again; an import is a hint itself.
std::optional<Hint> find_hint(const Common& common, const Machine& machine, const Problem& problem,
                              const std::optional<PlanRecord>& old);

/// Proven on this machine, and timed where its times do not stand here: then it serves like a winner that a search found.
/// nullopt, with the reason in the log: a search goes on.
std::optional<Tuned> try_hint(Common& common, const Machine& machine, Hint hint, const Problem& problem, const Space& space,
                              Runner& runner, Spending& spending, const ProgressSink& progress);

/// Winners of other problems, of the store and of the packs: what the first proposer has to go by.
std::vector<PortfolioItem> portfolio(const Common& common, const Machine& machine, const std::optional<PlanRecord>& old);

}  // namespace ak
