// Roofline: the time no kernel can beat, from the problem and the device's facts alone.
#pragma once

#include "core/device_facts.hpp"
#include "core/problem.hpp"

namespace ak {

struct Roofline {
  double tensor_us = 0;  // every multiply-add at the tensor cores' dense 16-bit rate and the boost clock
  double memory_us = 0;  // every input read once, D written once, at the achievable bandwidth
  double floor_us() const { return tensor_us > memory_us ? tensor_us : memory_us; }
};

Roofline roofline(const Problem& problem, const DeviceFacts& device);

}  // namespace ak
