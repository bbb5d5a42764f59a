// How a winner comes to serve its bucket (core/bucket.hpp).
//
// The bucket's last m was searched for. Its winner is tried at the first m, against cuBLASLt's best there. Where it wins there
// too, or cuBLASLt won at both ends, it serves the bucket. Where not, it is tried in the middle: it serves what lies above the
// lowest m at which it won, and what won at the first m serves what lies below, under a record of its own. So what serves an m
// was never slower than cuBLASLt at the nearer end; of the m between nothing is measured. Neither half is searched for again.
#pragma once

#include <optional>
#include <string>

#include "context/common.hpp"
#include "machine/machine.hpp"
#include "runner/quarantine.hpp"
#include "tune/tuner.hpp"

namespace ak {

/// A record as it is written down, of what a search found for the problem.
PlanRecord record_of(const Machine& machine, const Problem& problem, const Tuned& found);

struct Widened {
  TokenRange bucket;                // what the winner serves; none: it could not be tried
  std::optional<PlanRecord> lower;  // serves the others
  std::string cubin;                // its
  std::string note;
};

/// problem: of the bucket's last m, for which `found` has a winner. Never throws for what fails; ends with the
/// seconds that are left.
Widened widen(Common& common, Machine& machine, const Problem& problem, const Tuned& found, Spending& spending,
              Quarantine& quarantine, const ProgressSink& progress);

}  // namespace ak
