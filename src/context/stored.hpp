// What the store holds of a problem: its winner, loaded where it is proven.
#pragma once

#include <optional>
#include <string>

#include "context/common.hpp"
#include "context/served.hpp"
#include "machine/machine.hpp"

namespace ak {

/// Why a record proves nothing here any more. An absent library is no reason: hits work without NVRTC.
std::optional<std::string> stale(const PlanRecord& record, const Provenance& today);
/// Whose device code is another one today; nullopt where none of it is known to be.
std::optional<std::string> other_code(const PlanRecord& record, const Provenance& today);
/// What a record's kernel did since it won; nullopt when nothing is known against it. One look at the store.
std::optional<std::string> quarantined(const Common& common, const Machine& machine, const PlanRecord& record);
/// Why a record of the store is no winner to load.
std::optional<std::string> to_prove(const Machine& machine, const PlanRecord& record);

/// The record for the problem: its own, else, unless exact, its bucket's: of the bucket's last m, or of its first where that
/// one does not serve the problem's.
std::optional<PlanRecord> record_for(Store& store, const Hardware& hardware, const Problem& problem, bool exact = false);

/// Why the record, whose kernel may run, is not what is asked for.
std::optional<std::string> why_not(const Common& common, const Machine& machine, const PlanRecord& record, Request request);

/// The record for the problem, loaded for it, if it is what is asked for. One that must be proven again is left in `old`, with
/// the reason in the log.
std::optional<Served> hit(Common& common, Machine& machine, const Problem& problem, Request request,
                          std::optional<PlanRecord>& old);
/// Loaded for a problem that is the record's but for m. nullopt where it cannot be, or must not (quarantined()), with the
/// reason in the log.
std::optional<Served> load(Common& common, Machine& machine, const PlanRecord& record, const Problem& problem);
/// A record for the problem that is to be proven again and whose kernel still runs as it was proven; nullopt when there is none.
/// why: it is not proven now.
std::optional<Served> still_serves(Common& common, Machine& machine, const Problem& problem,
                                   const std::optional<PlanRecord>& old, const std::string& why);

}  // namespace ak
