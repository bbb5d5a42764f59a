#include "context/stored.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "context/describe.hpp"
#include "context/stored_quarantine.hpp"
#include "core/bucket.hpp"

namespace ak {
namespace {

// Opening libraries takes its time: their files' names say their versions, and only what differs is opened to be sure.
Provenance provenance_to_compare(const Machine& machine, const PlanRecord& record) {
  const Provenance& then = record.provenance;
  Provenance today = machine.provenance(record.problem, record.tactic, then.nvrtc.empty() || then.cublaslt.empty());
  return stale(record, today) ? machine.provenance(record.problem, record.tactic, true) : today;
}

// Whether all m of the bucket that its own is the last of are served, by it or by its first m's record.
bool serves_bucket(const Common& common, const PlanRecord& record) {
  const TokenRange bucket = bucket_of(record.problem.m);
  if (bucket.from == bucket.to || record.bucket == bucket) return true;
  if (record.bucket.none()) return false;
  const auto lower = common.store->find(with_tokens(record.problem, bucket.from), record.hardware);
  return lower && lower->bucket.holds(record.bucket.from - 1);
}

}  // namespace

std::optional<std::string> other_code(const PlanRecord& record, const Provenance& today) {
  const Provenance& then = record.provenance;
  if (then.family_source != today.family_source) return fmt::format("the kernels of {} changed", name(record.tactic.family));
  if (!(then.kernel_source == Digest{}) && then.kernel_source != today.kernel_source)
    return "what its kernel is compiled from changed";
  return std::nullopt;
}

std::optional<std::string> quarantined(const Common& common, const Machine& machine, const PlanRecord& record) {
  if (is_vendor(record.tactic)) return std::nullopt;
  Digest kernel = record.provenance.kernel_source;
  if (kernel == Digest{}) kernel = machine.provenance(record.problem, record.tactic, false).kernel_source;  // an old record
  return StoredQuarantine(*common.store, machine.hardware()).why(kernel);
}

std::optional<std::string> stale(const PlanRecord& record, const Provenance& today) {
  const Provenance& then = record.provenance;
  const auto changed = [](std::string_view what, const std::string& before, const std::string& now) {
    return fmt::format("{} is now {}, was {}", what, now, before);
  };
  if (!today.driver.empty() && then.driver != today.driver) return changed("the driver", then.driver, today.driver);
  if (is_vendor(record.tactic)) {
    if (!today.cublaslt.empty() && then.cublaslt != today.cublaslt) return changed("cuBLASLt", then.cublaslt, today.cublaslt);
    if (then.nvrtc.empty() && !today.nvrtc.empty()) return "it was made without NVRTC, which is here now";
    return std::nullopt;
  }
  if (then.cublaslt.empty() && !today.cublaslt.empty()) return "it was never compared with cuBLASLt, which is here now";
  if (!today.nvrtc.empty() && then.nvrtc != today.nvrtc) return changed("NVRTC", then.nvrtc, today.nvrtc);
  if (!today.cublaslt.empty() && then.cublaslt != today.cublaslt) return changed("cuBLASLt", then.cublaslt, today.cublaslt);
  return other_code(record, today);
}

std::optional<std::string> to_prove(const Machine& machine, const PlanRecord& record) {
  if (unproven(record)) return "it was imported and not proven here yet";
  return stale(record, provenance_to_compare(machine, record));
}

std::optional<PlanRecord> record_for(Store& store, const Hardware& hardware, const Problem& problem, bool exact) {
  auto own = store.find(problem, hardware);
  if (own || exact) return own;
  const TokenRange bucket = bucket_of(problem.m);
  for (const std::int64_t m : {bucket.to, bucket.from})
    if (m != problem.m)
      if (auto lent = store.find(with_tokens(problem, m), hardware); lent && lent->bucket.holds(problem.m)) return lent;
  return std::nullopt;
}

std::optional<std::string> why_not(const Common& common, const Machine& machine, const PlanRecord& record, Request request) {
  auto why = to_prove(machine, record);
  if (!why && request.recheck && record.provenance.provisional) why = "its times are provisional";
  if (!why && request.whole && !serves_bucket(common, record)) why = "it is of its own m alone";
  return why;
}

std::optional<Served> hit(Common& common, Machine& machine, const Problem& problem, Request request,
                          std::optional<PlanRecord>& old) {
  old = record_for(*common.store, machine.hardware(), problem, request.exact);
  if (!old) return std::nullopt;
  const auto why = why_not(common, machine, *old, request);
  if (!why)
    if (auto served = load(common, machine, *old, problem)) return served;
  log(LogLevel::info, "{}: its record is to be proven again: {}", to_string(problem), why.value_or("it cannot be loaded"));
  return std::nullopt;
}

std::optional<Served> load(Common& common, Machine& machine, const PlanRecord& record, const Problem& problem) {
  const auto start = Clock::now();
  try {
    if (const auto harm = quarantined(common, machine, record))
      throw Error(ErrorCode::unsupported, fmt::format("its record's kernel is in quarantine: {}", *harm));
    std::string cubin;
    if (!is_vendor(record.tactic)) {
      auto found = common.store->cubin(record.cubin);
      if (!found) return std::nullopt;
      cubin = std::move(*found);
    }
    PlanRecord here = record;
    here.problem = problem;
    const bool lent = record.problem.m != problem.m;
    Served served{machine.load(here, cubin, lent), "store", record, record.provenance.note};
    served.lent = lent;
    common.ledger.count([&](Counters& c) { ++c.store_hits, c.last_load_s = seconds_since(start); });
    return served;
  } catch (const std::exception& error) {
    log(LogLevel::warn, "{}: {}", to_string(problem), error.what());
    return std::nullopt;
  }
}

// Another driver or library takes no kernel out of service: what was proven runs as before until it is proven again. Other
// device code may: its launch may differ.
std::optional<Served> still_serves(Common& common, Machine& machine, const Problem& problem,
                                   const std::optional<PlanRecord>& old, const std::string& why) {
  if (!old || unproven(*old)) return std::nullopt;
  if (other_code(*old, machine.provenance(old->problem, old->tactic, false))) return std::nullopt;
  auto served = load(common, machine, *old, problem);
  if (!served) return std::nullopt;
  const auto changed = to_prove(machine, *old);
  if (changed) warn_once(fmt::format("records serve as they were proven before ({}); `ak warm` proves them again", *changed));
  served->note = fmt::format("serves as it was proven before{}: {}", changed ? ", " + *changed : "", why);
  return served;
}

}  // namespace ak
