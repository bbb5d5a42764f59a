#include "core/roofline.hpp"

namespace ak {
namespace {

// Dense f16 or bf16 operations per clock and SM with f32 accumulation, from the vendor's architecture papers.
double flops_per_clock(int compute) {
  if (compute >= 120) return 1024;
  if (compute >= 100) return 8192;
  if (compute >= 90) return 4096;
  return compute == 80 ? 2048 : 1024;
}

}  // namespace

Roofline roofline(const Problem& problem, const DeviceFacts& device) {
  return {problem.flops() / (flops_per_clock(device.compute()) * device.sm_count * device.clock_ghz * 1e3),
          problem.bytes() / (device.memory_tb_s * 1e6)};
}

}  // namespace ak
