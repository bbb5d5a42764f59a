// DeviceTurn: processes that search on one GPU, for whatever kind of work, prove and time in turn, so that none times another's
// noise. They compile side by side.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "tune/lease.hpp"

namespace ak {

/// One searcher's. Two leases of the folder: who waits holds the second one, so that who had the turn last does not have it
/// next. Not thread-safe.
class DeviceTurn {
 public:
  /// device: a name that all processes have for it.
  DeviceTurn(const std::string& folder, std::string_view device);

  /// The turn, until what is given ends: before this object does. It is waited for kPatience at most, and for a second after a
  /// wait in vain not at all; null: go on without it.
  std::shared_ptr<void> take(Deadline deadline);

  static constexpr double kPatience = 0.1;  // seconds: some trials of another process

 private:
  Lease turn_, next_;
  Deadline vain_ = Deadline::in(0);
};

/// DeviceTurn::take of one searcher's, who lives as long as what is given; empty where processes share no folder.
std::function<std::shared_ptr<void>(Deadline)> turns_on_device(const std::string& folder, std::string_view device);

}  // namespace ak
