#include "gpu/device_share.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ak {

struct DeviceShare::Use {
  std::int64_t now = 0, peak = 0;
};

DeviceShare::DeviceShare(std::int64_t bytes) : bytes_(bytes), use_(std::make_shared<Use>()) {}

std::int64_t DeviceShare::left() const { return std::min(bytes_ - use_->now, device_memory().free); }

void DeviceShare::expect(std::int64_t bytes) const {
  if (const std::int64_t there = left(); bytes > there)
    throw Error(ErrorCode::out_of_memory, fmt::format("{} bytes of device memory are wanted, {} may be taken", bytes, there));
}

DeviceShare::Taken DeviceShare::take(std::int64_t bytes) const {
  expect(bytes);
  Buffer buffer = Buffer::make(static_cast<std::size_t>(bytes));
  use_->now += bytes, use_->peak = std::max(use_->peak, use_->now);
  return Taken(std::move(buffer), std::shared_ptr<void>(nullptr, [use = use_, bytes](void*) { use->now -= bytes; }));
}

std::int64_t DeviceShare::peak() const { return use_->peak; }

}  // namespace ak
