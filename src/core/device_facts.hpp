// What the families and the cost model must know of a GPU; read once by gpu/device, or from a recording.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace ak {

struct DeviceFacts {
  std::string name = "NVIDIA H200";
  int compute_major = 9, compute_minor = 0;
  int sm_count = 132;
  int smem_per_block = 232448;  // opt-in maximum, bytes
  int smem_per_sm = 233472;     // bytes
  int registers_per_sm = 65536;
  std::int64_t l2_bytes = 62914560;
  double clock_ghz = 1.98;    // boost
  double memory_tb_s = 4.65;  // achievable read bandwidth
  std::string mig;            // profile name; empty without MIG

  int compute() const { return compute_major * 10 + compute_minor; }
  bool hopper() const { return compute_major == 9 && compute_minor == 0; }
  /// Target for NVRTC: "sm_90a" on Hopper (wgmma and TMA need the a), else "sm_XY".
  std::string arch() const { return fmt::format("sm_{}{}", compute(), hopper() ? "a" : ""); }
  bool operator==(const DeviceFacts&) const = default;
};

}  // namespace ak
