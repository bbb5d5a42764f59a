#include "context/spare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/log.hpp"
#include "cache/bytes.hpp"
#include "context/describe.hpp"
#include "context/stored.hpp"

namespace ak {
namespace {

constexpr double kProofSeconds = 1;            // beyond the search; one takes milliseconds
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

std::optional<SpareKernel> spare_kernel(Machine& machine, const Problem& problem, const Tuned& found, Runner& runner,
                                        const std::stop_token& stop) {
  const auto own = [&](const Tactic& tactic) { return !is_vendor(tactic) && machine.workspace_bytes(problem, tactic) == 0; };
  if (own(found.winner->tactic) || machine.vendor_without_scratch(problem)) return std::nullopt;
  const auto failed = [&](const Tactic& tactic) {  // once; under more scrutiny, say
    return std::ranges::any_of(found.history, [&](const Trial& trial) { return trial.tactic == tactic && !trial.correct(); });
  };
  std::vector<const Trial*> right;
  for (const Trial& trial : found.history)
    if (trial.correct() && own(trial.tactic) && !failed(trial.tactic)) right.push_back(&trial);
  std::ranges::sort(right, {}, [](const Trial* trial) { return trial->us; });
  const Deadline deadline = Deadline::in(kProofSeconds, stop);
  for (const Trial* const trial : right) {
    const Tactic& tactic = trial->tactic;
    if (deadline.passed()) break;
    if (!trial->final_timing && !runner.prove(tactic, deadline).correct()) continue;
    SpareKernel spare;
    spare.record.problem = problem, spare.record.hardware = machine.hardware();
    spare.record.tactic = tactic, spare.record.us = trial->us;
    spare.record.provenance = machine.provenance(problem, tactic, true);
    spare.cubin = runner.artifact(tactic).cubin;
    spare.record.cubin = digest(spare.cubin);
    return spare;
  }
  return std::nullopt;
}

void stand_by(Common& common, DeviceState& device, const Problem& problem, const Served& served,
              const std::optional<SpareKernel>& own) {
  const bool searched = served.source != "store" || own;
  if (!served.plan || served.plan->workspace_bytes() == 0 || !searched || device.spares.find(problem)) return;
  Machine& machine = *device.machine;
  PlanPtr spare;
  if (!own) {
    spare = machine.vendor_without_scratch(problem);
  } else {
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
