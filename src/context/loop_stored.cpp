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
std::string changed_since(const loop::Winner& winner) {
  const auto changed = [](std::string_view what, const std::string& before, const std::string& now) {
    return fmt::format("{} is now {}, was {}", what, now, before);
  };
  if (!winner.build.empty() && winner.build != build_digest()) return "it was made by another build of the library";
  if (const std::string now = driver_version(); !winner.driver.empty() && winner.driver != now)
    return changed("the driver", winner.driver, now);
  if (winner.nvrtc.empty() || compiler_version_on_disk() == winner.nvrtc || compiler_version_on_disk().empty()) return {};
  const std::string now = compiler_version();
  return now.empty() || now == winner.nvrtc ? std::string() : changed("NVRTC", winner.nvrtc, now);
}

std::string an_llms(const Settings& settings) {
  return fmt::format("its record has a kernel that an LLM wrote, and {}", settings.llm_code_given());
}

}  // namespace

std::string winner_key(const LoopKnown& known, const loop::CallClass& call, const DeviceState& device, bool by_llm) {
  return loop::winner_key(known.function, call, describe(device.machine->hardware()), by_llm);
}

LoopServedPtr stored_loop(Common& common, const LoopKnown& known, const loop::CallClass& call, const DeviceState& device,
                          Unserved* unserved) {
  const auto say = [&](std::string why) {
    if (unserved) unserved->why = std::move(why);
  };
  const auto find = [&](bool by_llm) { return common.store->find_work(loop::kLoop, winner_key(known, call, device, by_llm)); };
  const bool takes_llm = common.settings.llm_code == LlmCode::kept;
  const auto start = Clock::now();
  say("no record");
  auto record = find(true);
  if (record && !takes_llm) say(an_llms(common.settings)), record.reset();
  if (!record) record = find(false);
  if (!record) return nullptr;
  try {
    loop::Winner winner = loop::read_winner(record->text);
    if (!takes_llm && loop::by_llm(winner)) return say(an_llms(common.settings)), nullptr;
    say("its record is not proven here");
    const auto images = record->local.empty() ? std::nullopt : loop::unpack_images(record->local);
    if (!images || images->size() != winner.kernels.size() || images->empty()) {
      if (!record->local.empty()) log(LogLevel::warn, "{}: the images of its record are damaged", known.function.name);
      if (unserved) unserved->winner = std::move(winner);
      return nullptr;
    }
    const std::string changed = changed_since(winner);
    const Standing standing = winner.unfinished || !changed.empty() ? Standing::passing : Standing::lasting;
    const std::string note = changed.empty() ? changed : fmt::format("serves as it was proven before, {}", changed);
    auto served =
        load_loop(resources(), device.machine->scratch(), known.function, std::move(winner), *images, "store", note, standing);
    common.ledger.count([&](Counters& c) { ++c.store_hits, c.last_load_s = seconds_since(start); });
    return served;
  } catch (const Error& error) {
    log(LogLevel::warn, "{}: its record cannot be used: {}", known.function.name, error.what());
    return nullptr;
  }
}

}  // namespace ak
