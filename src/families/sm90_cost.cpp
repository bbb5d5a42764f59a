#include "families/sm90_cost.hpp"

#include <algorithm>
#include <cmath>

#include "base/arithmetic.hpp"

namespace ak {
namespace {

constexpr double kFixedUs = 1.9, kClusterUs = 0.3;  // of a launch; a cluster starts together
constexpr double kHeadStartUs = 0.3;                // of a launch that overlaps with the one before
// Of the time that memory takes where it is the bound: weights fetched before the launch begins, without and with a head start.
constexpr double kFetched = 0.012, kFetchedEarly = 0.03;
constexpr double kFetchedUs = 0.2;  // with a head start, of a problem that L2 holds

// The clock under load: full speed for nothing, this much less once a launch has so many operations.
constexpr double kClockDrop = 0.32, kFullLoad = 3e10, kDropCurve = 0.25;

// One stage of one CTA.
constexpr double kWgmmaClocks = 3.3;                // beside N/2 clocks a wgmma
constexpr double kOddWidth = 1.06;                  // widths off the multiples of 16
constexpr double kFillBytesPerClock = 70;           // into an SM; multicast saves L2 reads, not this
constexpr double kL2BytesPerNs = 15500;             // out of L2
constexpr double kCopyBytesPerClock = 32;           // by cp.async of 8 bytes
constexpr double kLatencyUs = 0.83;                 // of a load, which the ring's depth has to cover
constexpr double kStageUs = 0.04, kIssueUs = 0.06;  // least time of a stage, and of each 64 of its k
constexpr double kShortStage = 1.03;                // of 64 k, for a warpgroup that has nobody to wait beside it
constexpr double kLoneWgmmaClocks = 30;             // of a warpgroup that has the tensor cores to itself, beside N/2 clocks

// Epilogue of one tile.
constexpr double kEpilogueUs = 0.07;                                                                // and each element:
constexpr double kDirectUs = 9.5e-5, kDirectSinglesUs = 17e-5, kStagedUs = 6.6e-5, kRunsUs = 9e-5;  //   by its way to D
constexpr double kCombine = 0.3;      // of an element of D for each of the up projection's
constexpr double kNarrowStrip = 2.0;  // store 1 writes strips half as wide when the width is no multiple of 32
constexpr double kLoneConsumer = 1.55;
constexpr double kHandOverUs = 0.3;  // from one pingpong warpgroup to the other
constexpr double kRestartUs = 0.28;  // until cooperative warpgroups multiply again

constexpr double kSplitUs = 0.5, kPieceUs = 1.6e-4, kSecondWaveUs = 0.3;  // kPieceUs: of a partial sum into another SM
constexpr double kWrongNeighbours = 1.01;  // CTAs beside each other do not share the larger operand
constexpr double kMemoryShare = 0.94, kKeptInL2 = 0.7;
constexpr double kOverlap = 3.7;  // norm that joins computing and memory: neither hides the other wholly

// Bytes of A and B that come from memory. While all operands fit in L2 each comes once; else each wave of tiles brings its own
// rows and columns, and raster decides how many those are.
double bytes_from_memory(const Problem& p, const Tactic& t, const Sm90Launch& launch, const DeviceFacts& device) {
  const double k = static_cast<double>(p.k), size = size_of(p.in);
  const double input = size * static_cast<double>(p.m + p.wide_n()) * k;
  if (input < kKeptInL2 * static_cast<double>(device.l2_bytes)) return input;
  const auto down = ceil_div(launch.rows, t.tile_m), across = ceil_div(launch.columns, t.tile_n);
  const auto in_flight = std::min(down * across, std::min(launch.clusters, launch.resident) * t.cluster_m * t.cluster_n);
  const auto rows = t.raster ? std::min<std::int64_t>(t.raster * t.cluster_m, down)
                             : std::min(down, ceil_div(in_flight, std::min(across, in_flight)));
  const auto columns = std::min(across, ceil_div(in_flight, rows));
  const double waves = static_cast<double>(down * across) / static_cast<double>(in_flight);
  return std::max(input, waves * static_cast<double>(rows * launch.left_rows + columns * launch.width) * size * k);
}

}  // namespace

double sm90_cost_us(const Problem& p, const Tactic& t, const Sm90Launch& launch, const DeviceFacts& device) {
  const bool pingpong = t.schedule == static_cast<int>(Schedule::pingpong);
  const double waves = static_cast<double>(ceil_div(launch.clusters, launch.resident));
  const double stages = static_cast<double>(ceil_div(ceil_div(p.k, t.tile_k), t.split_k));
  const double ghz = device.clock_ghz * (1 - kClockDrop * std::pow(std::min(1.0, p.flops() / kFullLoad), kDropCurve));

  // The tensor core takes N/2 clocks a wgmma, and reads its operands from shared memory at 128 bytes a clock.
  const double wgmmas = launch.left_rows / 64.0 * (t.tile_k / 16.0) * (launch.width % 16 ? kOddWidth : 1.0);
  const double gap = launch.consumers == 1 || (pingpong && waves == 1) ? kLoneWgmmaClocks : kWgmmaClocks;
  const double tensor_us = wgmmas * std::max(launch.width / 2.0 + gap, (64.0 + launch.width) / 4) / (ghz * 1e3);
  const double fill_us = static_cast<double>(launch.left_bytes + launch.right_bytes) /
                         ((t.load ? kCopyBytesPerClock : kFillBytesPerClock) * ghz * 1e3);
  const double latency_us = (kLatencyUs + fill_us) / (t.stages - 1);
  // L2 is read in whole 128-byte lines: rows that start off them cost one more each, for 128 bytes of k.
  const double lines = p.k * size_of(p.in) % 128 ? 1.5 : 1.0;
  const double shared_bytes =
      static_cast<double>(launch.left_bytes) / t.cluster_n + static_cast<double>(launch.right_bytes) / t.cluster_m;
  const auto ctas = std::min(launch.clusters, launch.resident) * t.cluster_m * t.cluster_n * t.split_k;
  const double l2_us = lines * shared_bytes * static_cast<double>(ctas) / (kL2BytesPerNs * 1e3);
  const double stage_us = std::max({tensor_us, fill_us, l2_us, latency_us, kStageUs + kIssueUs * t.tile_k / 64}) *
                          (launch.consumers == 1 && t.tile_k == 64 ? kShortStage : 1.0);

  const double mainloop_us = stages * stage_us, elements = static_cast<double>(t.tile_m) * t.tile_n;
  const double sums = elements * p.epilogue.gates(), stored = elements + (p.epilogue.aux ? sums : 0);
  const double element_us = t.store == 2    ? kRunsUs
                            : t.store == 1  ? (t.tile_n % 32 ? kNarrowStrip : 1.0) * kStagedUs
                            : p.align_d < 4 ? kDirectSinglesUs
                                            : kDirectUs;
  const double work = stored + kCombine * (sums - elements);
  const double epilogue_us = kEpilogueUs + work / t.split_k * element_us * (launch.consumers == 1 ? kLoneConsumer : 1.0);
  // Two cooperative warpgroups finish their tile together, then multiply again; pingpong hides all epilogues but the last.
  const double tile_us = pingpong ? std::max(mainloop_us + kHandOverUs, (mainloop_us + epilogue_us) / 2)
                                  : mainloop_us + epilogue_us + (waves > 1 ? kRestartUs : 0);
  const double compute_us = waves * tile_us + (pingpong ? epilogue_us : 0);

  const double output = p.bytes() - size_of(p.in) * static_cast<double>(p.m + p.wide_n()) * static_cast<double>(p.k);
  const double memory_us = (bytes_from_memory(p, t, launch, device) + output) / (kMemoryShare * device.memory_tb_s * 1e6);

  // split_k: pieces of the partial tiles cross the cluster, and a second wave of clusters starts from nothing.
  const double split_us =
      t.split_k > 1 ? kSplitUs + sums * (t.split_k - 1) / t.split_k * kPieceUs + (waves - 1) * kSecondWaveUs : 0;
  const double fetched = t.overlap < 2 ? 0 : t.overlap == 2 ? kFetched : kFetchedEarly;
  const double fixed_us = kFixedUs + (t.cluster_m * t.cluster_n > 1 ? kClusterUs : 0) + (t.overlap & 1 ? 0 : kHeadStartUs) -
                          std::max(memory_us > compute_us ? fetched * memory_us : 0,
                                   t.overlap == 3 && p.bytes() < static_cast<double>(device.l2_bytes) ? kFetchedUs : 0);
  const bool choice = launch.rows > t.tile_m && launch.columns > t.tile_n && t.split_k == 1;
  const double order = choice && (t.raster > 0) != (launch.columns > launch.rows) ? kWrongNeighbours : 1.0;
  return fixed_us + split_us + order * std::pow(std::pow(compute_us, kOverlap) + std::pow(memory_us, kOverlap), 1 / kOverlap);
}

}  // namespace ak
