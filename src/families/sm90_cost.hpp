// What an sm90 tactic costs: a model of one launch, its constants fitted to sweeps on an H200 (kernels/README.md).
#pragma once

#include "core/device_facts.hpp"
#include "core/problem.hpp"
#include "core/tactic.hpp"

namespace ak {

/// A tactic as the tensor core sees it, swap_ab resolved: D has rows x columns, the left operand gives the rows.
struct Sm90Launch {
  std::int64_t rows = 0, columns = 0;
  int left_rows = 0, width = 0;                  // of the operands' tiles: gated, one of them is twice D's
  int consumers = 2;                             // warpgroups
  std::int64_t left_bytes = 0, right_bytes = 0;  // of one stage
  std::int64_t clusters = 0, resident = 0;       // of the launch, and how many run at once
};

/// Predicted microseconds in a stream of such launches, that is at the clock that the power limit leaves.
double sm90_cost_us(const Problem&, const Tactic&, const Sm90Launch&, const DeviceFacts&);

}  // namespace ak
