#include "context/loop_stored.hpp"

#include "base/log.hpp"
#include "context/describe.hpp"
#include "plan/resources.hpp"

namespace ak {

std::string winner_key(const LoopKnown& known, const loop::CallClass& call, const DeviceState& device) {
  return loop::winner_key(known.function, call, describe(device.machine->hardware()));
}

LoopServedPtr stored_loop(Common& common, const LoopKnown& known, const loop::CallClass& call, const DeviceState& device,
                          std::optional<loop::Winner>* unproven) {
  const auto record = common.store->find_work(loop::kLoop, winner_key(known, call, device));
  if (!record) return nullptr;
  const auto start = Clock::now();
  try {
    loop::Winner winner = loop::read_winner(record->text);
    const auto images = record->local.empty() ? std::nullopt : loop::unpack_images(record->local);
    if (!images || images->size() != winner.kernels.size() || images->empty()) {
      if (!record->local.empty()) log(LogLevel::warn, "{}: the images of its record are damaged", known.function.name);
      if (unproven) *unproven = std::move(winner);
      return nullptr;
    }
    const Standing standing = winner.unfinished ? Standing::passing : Standing::lasting;
    auto served =
        load_loop(resources(), device.machine->scratch(), known.function, std::move(winner), *images, "store", {}, standing);
    common.ledger.count([&](Counters& c) { ++c.store_hits, c.last_load_s = seconds_since(start); });
    return served;
  } catch (const Error& error) {
    log(LogLevel::warn, "{}: its record cannot be used: {}", known.function.name, error.what());
    return nullptr;
  }
}

}  // namespace ak
