#include "context/spare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "cache/bytes.hpp"
#include "context/describe.hpp"
#include "context/stored.hpp"

namespace ak {
namespace {

constexpr std::string_view kSpare = "spare";  // the store's kind; its local: record, image

std::string key(const Problem& problem, const Hardware& hardware) {
  return fmt::format("{} on {}", to_string(problem), describe(hardware));
}

// nullptr where it must not run today.
PlanPtr load(Common& common, Machine& machine, const PlanRecord& record, std::string_view cubin) {
  if (other_code(record, machine.provenance(record.problem, record.tactic, false)) || quarantined(common, machine, record))
    return nullptr;
  try {
    return machine.load(record, cubin);
  } catch (const Error& error) {
    log(LogLevel::warn, "{}: its kernel without a workspace: {}", to_string(record.problem), error.what());
    return nullptr;
  }
}

}  // namespace

std::optional<SpareKernel> spare_kernel(const Machine& machine, const Problem& problem, const Tuned& found, Runner& runner) {
  const auto own = [&](const Tactic& tactic) { return !is_vendor(tactic) && machine.workspace_bytes(problem, tactic) == 0; };
  if (own(found.winner->tactic)) return std::nullopt;
  const auto failed = [&](const Tactic& tactic) {  // once; under more scrutiny, say
    return std::ranges::any_of(found.history, [&](const Trial& trial) { return trial.tactic == tactic && !trial.correct(); });
  };
  const Trial* best = nullptr;
  for (const Trial& trial : found.history)
    if (trial.correct() && own(trial.tactic) && (!best || trial.us < best->us) && !failed(trial.tactic)) best = &trial;
  if (!best) return std::nullopt;
  SpareKernel spare;
  spare.record.problem = problem, spare.record.hardware = machine.hardware();
  spare.record.tactic = best->tactic, spare.record.us = best->us;
  spare.record.provenance = machine.provenance(problem, best->tactic, true);
  spare.cubin = runner.artifact(best->tactic).cubin;
  spare.record.cubin = digest(spare.cubin);
  return spare;
}

void stand_by(Common& common, DeviceState& device, const Problem& problem, const Served& served,
              const std::optional<SpareKernel>& own) {
  const bool searched = served.source != "store" || own;
  if (!served.plan || served.plan->workspace_bytes() == 0 || !searched || device.spares.find(problem)) return;
  Machine& machine = *device.machine;
  PlanPtr spare = machine.vendor_without_scratch(problem);
  if (!spare && own) {
    ByteWriter local;
    local.put(std::string_view(encode(own->record))), local.put(std::string_view(own->cubin));
    common.store->put_work({std::string(kSpare), key(problem, machine.hardware()), {}, local.bytes()});
    spare = load(common, machine, own->record, own->cubin);
  }
  if (spare) device.spares.publish(problem, std::move(spare));
}

PlanPtr stored_spare(Common& common, Machine& machine, const Problem& problem) {
  const auto work = common.store->find_work(kSpare, key(problem, machine.hardware()));
  if (!work) return nullptr;
  ByteReader local(work->local);
  const auto record = decode_record(local.text());
  const std::string_view cubin = local.text();
  if (!record || record->problem != problem || record->cubin != digest(cubin)) return nullptr;
  return load(common, machine, *record, cubin);
}

}  // namespace ak
