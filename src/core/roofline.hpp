// Roofline: a yardstick for a problem's time, from the problem and the device's facts alone.
#pragma once

#include "core/device_facts.hpp"
#include "core/problem.hpp"

namespace ak {

struct Roofline {
  double tensor_us = 0;  // every multiply-add at the tensor cores' dense 16-bit rate and the boost clock
  double memory_us = 0;  // every input read once, D written once, at the achievable bandwidth

  /// What power lets tensor cores sustain of that rate: 790 TFLOP/s on an H200.
  static constexpr double kSustained = 0.738;
  /// Of a launch, whatever it does.
  static constexpr double kLaunchUs = 0.8;

  bool tensor_bound() const { return tensor_us / kSustained > memory_us; }
  /// max(bytes at the memory's speed, flops at the sustained rate) + 0.8 us: what the device could do at best, no law.
  double floor_us() const { return (tensor_bound() ? tensor_us / kSustained : memory_us) + kLaunchUs; }
};

Roofline roofline(const Problem& problem, const DeviceFacts& device);

}  // namespace ak
