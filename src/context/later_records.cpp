#include "context/later_records.hpp"

#include <optional>

#include "context/stored.hpp"

namespace ak {

void LaterRecords::look(TuningService& service, Common& common, DeviceState& device) {
  service.enqueue({.place = &device,
                   .key = Hasher().field("records", "that come later").digest(),
                   .device = device.machine->device_ordinal(),
                   .work = std::make_shared<LaterRecords>(common, device, Retry()),
                   .leased = false,
                   .kept = true},
                  Deadline::never());
}

void LaterRecords::run(const Turn& turn) {
  Machine& machine = *device_.machine;
  const auto entered = machine.enter();
  for (const auto& [problem, record] : device_.stood_in_for())
    device_.keep(problem, [&, &problem = problem, &record = record]() -> std::optional<Served> {
      auto found = record_for(*common_.store, machine.hardware(), problem);
      if (!found || *found == record) return std::nullopt;
      if (auto known = hit(common_, machine, problem, kCall, found)) return known;
      auto before = still_serves(common_, machine, problem, found, common_.settings.mode_given());
      if (before) before->stands_in = true;
      return before;
    });
  if (device_.stood_in_for().empty()) return;
  Retry again = again_;
  again.later(Clock::now());
  turn.again(std::make_shared<LaterRecords>(common_, device_, again), again.wait_s);
}

}  // namespace ak
