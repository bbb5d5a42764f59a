// Values of a call's way: how a problem is served, and what was asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cache/record.hpp"
#include "plan/plan.hpp"

namespace ak {

/// For how long an answer stands.
enum class Standing : std::uint8_t {
  lasting,    // for the life of the context
  passing,    // for a reason that may pass: asked again later, each time twice as late
  momentary,  // the next call asks again
};

/// "lasting", "passing: it is asked for again later", "the next call asks again".
std::string_view name(Standing standing);

/// How a problem is served, and what explain() says of it.
struct Served {
  PlanPtr plan;        // nullptr from a recording
  std::string source;  // Explanation::source
  PlanRecord record;   // tactic, times and provenance, as far as known
  std::string note;
  Standing standing = Standing::lasting;
  bool lent = false;       // by another m's record: the problem is one of its bucket
  bool stands_in = false;  // for a record that another process may leave: this one searches for none
};

struct Request {
  bool retune = false;   // search even when a record stands
  bool recheck = false;  // a provisional record does not stand
  bool exact = false;    // of this very m: its bucket's record does not stand
  bool whole = false;    // of all m of its bucket: a record of its own m alone does not stand
  bool behind = false;   // the calls: nobody waits for it, and the device is the application's
  double share = 1;      // of the budget; less for a bucket whose neighbours are known

  /// For TuningRequest::kind: whose answer is good for whom.
  std::uint64_t kind() const { return 8u * whole + 4u * exact + 2u * retune + recheck; }
};
/// A first call's, and what is asked in its place.
constexpr Request kCall{};

struct ProblemHash {
  std::size_t operator()(const Problem& problem) const { return hash(problem); }
};
template <class Value>
using PerProblem = std::unordered_map<Problem, Value, ProblemHash>;

}  // namespace ak
