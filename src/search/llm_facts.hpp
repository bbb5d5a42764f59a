// What the LLM is told, drawn from a search's view and from the families' arithmetic.
#pragma once

#include "llm/prompt.hpp"
#include "search/proposer.hpp"

namespace ak {

/// Without shared memory and threads when the tactic's family is unknown or rejects it.
DerivedNumbers derive(const Problem& problem, const DeviceFacts& device, const Tactic& tactic, double predicted_us);

/// Deterministic in the view. history is referred to, not copied. families stays empty when the space is.
PromptFacts prompt_facts(const SearchView& view, int round, int proposals);

}  // namespace ak
