#include "context/fallback.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "context/describe.hpp"
#include "context/stored.hpp"
#include "context/stored_quarantine.hpp"

namespace ak {

Proving proving(const Common& common, const Machine& machine, Quarantine& quarantine, bool now) {
  return {&quarantine, now ? std::optional(common.allowance(machine)) : std::nullopt};
}

Served fallback(Common& common, Machine& machine, const Problem& problem, const std::string& why, Standing standing,
                bool prove) {
  const bool passing = standing == Standing::passing;
  Served served;
  served.standing = standing;
  served.note = why;
  served.record.problem = problem;
  if (!machine.launches()) {
    served.source = "none";
    if (!passing) served.standing = Standing::momentary;
    return served;
  }
  common.ledger.count([&](Counters& c) { ++c.vendor_fallbacks, c.passing_fallbacks += passing; });
  Machine::Lack no_vendor;
  std::string no_kernel;
  served.source = "vendor fallback";
  served.plan = machine.vendor(problem, no_vendor);
  if (!served.plan) {
    served.source = "untuned";
    if (no_vendor.passes && standing == Standing::lasting) served.standing = Standing::passing;
    StoredQuarantine quarantine(*common.store, machine.hardware());
    served.plan = machine.untuned(problem, proving(common, machine, quarantine, prove), no_kernel);
    served.note = joined(served.note, no_vendor.why);
  }
  if (!served.plan)
    throw Error(ErrorCode::missing_library,
                fmt::format("nothing can serve {}: {}; {}", to_string(problem), no_vendor.why, no_kernel));
  served.record.tactic = served.plan->tactic();
  log(LogLevel::info, "{}: served by {}: {} ({})", to_string(problem), served_by(served.record.tactic), served.note,
      name(served.standing));
  return served;
}

Served old_or_fallback(Common& common, Machine& machine, const Problem& problem, const std::string& why, Standing standing) {
  auto known = still_serves(common, machine, problem, record_for(*common.store, machine.hardware(), problem), why);
  if (!known) return fallback(common, machine, problem, why, standing);
  known->standing = standing;
  return *known;
}

Served without_search(Common& common, Machine& machine, const Problem& problem, const std::string& why) {
  std::optional<PlanRecord> old;
  if (auto known = hit(common, machine, problem, kCall, old)) return *known;
  return old_or_fallback(common, machine, problem, why, Standing::passing);
}

}  // namespace ak
