#include "tune/device_turn.hpp"

#include <chrono>
#include <thread>

namespace ak {
namespace {

constexpr auto kLook = std::chrono::microseconds(200);
constexpr double kNotAgainFor = 1;  // seconds: somebody is hung, or they are too many

Digest key(std::string_view what, std::string_view device) { return Hasher().field(what, std::string(device)).digest(); }

bool had(Lease& lease, const Deadline& patient) {
  Lease::State state;
  while ((state = lease.take()) == Lease::State::elsewhere && !patient.passed()) std::this_thread::sleep_for(kLook);
  return state == Lease::State::held;
}

}  // namespace

DeviceTurn::DeviceTurn(const std::string& folder, std::string_view device)
    : turn_(folder, key("turn", device)), next_(folder, key("next turn", device)) {}

std::shared_ptr<void> DeviceTurn::take(Deadline deadline) {
  const Deadline patient = deadline.sooner(vain_.passed() ? kPatience : 0);
  const bool mine = had(next_, patient) && had(turn_, patient);
  next_.release();
  if (mine) return {this, [](DeviceTurn* self) { self->turn_.release(); }};
  if (turn_.why().empty()) vain_ = Deadline::in(kNotAgainFor);
  return nullptr;
}

std::function<std::shared_ptr<void>(Deadline)> turns_on_device(const std::string& folder, std::string_view device) {
  if (folder.empty()) return {};
  return [turn = std::make_shared<DeviceTurn>(folder, device)](Deadline deadline) { return turn->take(deadline); };
}

}  // namespace ak
