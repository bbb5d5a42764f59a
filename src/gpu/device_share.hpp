// DeviceShare: the device memory that one search may hold at once, counted by the buffers it gave out.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "gpu/owners.hpp"

namespace ak {

class DeviceShare {
  struct Use;

 public:
  explicit DeviceShare(std::int64_t bytes = std::numeric_limits<std::int64_t>::max());

  /// A buffer whose bytes are the share's again when it ends.
  class Taken : public Buffer {
   public:
    Taken() = default;

   private:
    friend DeviceShare;
    Taken(Buffer buffer, std::shared_ptr<void> charge) : Buffer(std::move(buffer)), charge_(std::move(charge)) {}
    std::shared_ptr<void> charge_;
  };

  /// What may be taken yet, in bytes: of the share, and no more than is free on the device now.
  std::int64_t left() const;
  /// Throws Error{out_of_memory} where so many bytes may not be taken: nothing is asked of a device that cannot give all of it,
  /// for the application may be about to allocate.
  void expect(std::int64_t bytes) const;
  /// Throws Error{out_of_memory}.
  Taken take(std::int64_t bytes) const;
  /// Most bytes that were held at once.
  std::int64_t peak() const;

 private:
  const std::int64_t bytes_;
  const std::shared_ptr<Use> use_;  // buffers may outlive the share
};

}  // namespace ak
