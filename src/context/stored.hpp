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

/// The record that stands, loaded. One that must be proven again is left in `old`, with the reason in the log.
std::optional<Served> hit(Common& common, Machine& machine, const Problem& problem, bool recheck,
                          std::optional<PlanRecord>& old);
/// nullopt where it cannot be, or must not (quarantined()), with the reason in the log.
std::optional<Served> load(Common& common, Machine& machine, const PlanRecord& record);
/// A record that is to be proven again and whose kernel still runs as it was proven; nullopt when there is none. why: it is not
/// proven now.
std::optional<Served> still_serves(Common& common, Machine& machine, const std::optional<PlanRecord>& old,
                                   const std::string& why);

}  // namespace ak
