#include "context/loop_stored.hpp"

#include <fmt/format.h>

#include "base/build.hpp"
#include "base/log.hpp"
#include "context/describe.hpp"
#include "gpu/device.hpp"
#include "jit/compiler.hpp"
#include "plan/resources.hpp"

namespace ak {
namespace {

// What is another than when it was proven; empty: nothing. Opening NVRTC takes its time: its file's name says its version.
std::string changed_since(const loop::Winner& winner, Compiler& compiler) {
  const auto changed = [](std::string_view what, const std::string& before, const std::string& now) {
    return fmt::format("{} is now {}, was {}", what, now, before);
  };
  if (!winner.build.empty() && winner.build != build_digest()) return "it was made by another build of the library";
  if (const std::string now = driver_version(); !winner.driver.empty() && winner.driver != now)
    return changed("the driver", winner.driver, now);
  if (winner.nvrtc.empty() || compiler_version_on_disk() == winner.nvrtc || compiler_version_on_disk().empty()) return {};
  const std::string now = compiler.version();
  return now.empty() || now == winner.nvrtc ? std::string() : changed("NVRTC", winner.nvrtc, now);
}

std::string an_llms(const Settings& settings) {
  return fmt::format("its record has a kernel that an LLM wrote, and {}", settings.llm_code_given());
}

// Null where its images are not there, or damaged: it is to be proven here first.
LoopServedPtr load_record(const LoopKnown& known, const DeviceState& device, loop::Winner winner, const std::string& local,
                          Unserved& unserved) {
  const auto images = local.empty() ? std::nullopt : loop::unpack_images(local);
  if (!images || images->size() != winner.kernels.size() || images->empty()) {
    if (!local.empty()) log(LogLevel::warn, "{}: the images of its record are damaged", known.function.name);
    unserved.why = "its record is not proven here";
    if (!unserved.winner) unserved.winner = std::move(winner);
    return nullptr;
  }
  const std::string changed = changed_since(winner, device.machine->compiler());
  const Standing standing = winner.unfinished || !changed.empty() ? Standing::passing : Standing::lasting;
  const std::string note = changed.empty() ? changed : fmt::format("serves as it was proven before, {}", changed);
  return load_loop(resources(), device.machine->scratch(), known.function, std::move(winner), *images, "store", note, standing);
}

}  // namespace

std::string winner_key(const LoopKnown& known, const loop::CallClass& call, const DeviceState& device, bool by_llm) {
  return loop::winner_key(known.function, call, describe(device.machine->hardware()), by_llm);
}

LoopServedPtr stored_loop(Common& common, const LoopKnown& known, const loop::CallClass& call, const DeviceState& device,
                          Unserved* unserved) {
  Unserved why{{}, "no record"};
  const bool takes_llm = common.settings.llm_code == LlmCode::kept;
  const auto start = Clock::now();
  LoopServedPtr served;
  for (const bool by_llm : {true, false}) {
    const auto record = common.store->find_work(loop::kLoop, winner_key(known, call, device, by_llm));
    if (!record) continue;
    try {
      loop::Winner winner = loop::read_winner(record->text);
      if (!takes_llm && (by_llm || loop::by_llm(winner))) {
        why.why = an_llms(common.settings);
        continue;
      }
      auto read = load_record(known, device, std::move(winner), record->local, why);
      if (read && (!served || read->standing == Standing::lasting)) served = std::move(read);
    } catch (const Error& error) {
      log(LogLevel::warn, "{}: its record cannot be used: {}", known.function.name, error.what());
    }
    if (served && served->standing == Standing::lasting) break;
  }
  if (served)
    common.ledger.count([&](Counters& c) { ++c.store_hits, c.last_load_s = seconds_since(start); });
  else if (unserved)
    *unserved = std::move(why);
  return served;
}

}  // namespace ak
