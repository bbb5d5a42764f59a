// Figures of results: speed-ups, their distribution, and what changed between two runs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "port/report/results.hpp"

namespace ak::port {

/// Two arms of one timing. Kinds of comparison are never mixed.
struct Comparison {
  std::string_view name;
  ArmId base, ours;
};
constexpr Comparison kComparisons[] = {
    {"resident", ArmId::c, ArmId::kernel},
    {"moved", ArmId::c, ArmId::moved},
    {"in place", ArmId::in_place, ArmId::kernel},
    {"dispatched", ArmId::c, ArmId::dispatched},
    {"promised", ArmId::c, ArmId::promised},
    {"-ffast-math", ArmId::fast_math, ArmId::kernel},
    {"OpenMP", ArmId::openmp, ArmId::kernel},
    {"one thread", ArmId::serial, ArmId::kernel},
};
constexpr Comparison kResident = kComparisons[0];

/// `base` over `ours`. Where one of them timed out it is only bounded.
struct SpeedUp {
  enum class Bound : std::uint8_t { none, least, most };
  double times = 0;
  Bound bound = Bound::none;
};
/// Nothing where an arm was not timed, or both timed out.
std::optional<SpeedUp> speed_up(const Timing& timing, const Comparison& comparison);

/// Bins: at least 2, 1.5, 1, 0.5, 0.1, and what is left.
constexpr double kBinEdges[] = {2, 1.5, 1, 0.5, 0.1};
struct Figures {
  std::size_t count = 0, at_least_1 = 0;
  std::array<std::size_t, std::size(kBinEdges) + 1> bins{};
  double mean = 0, median = 0, geomean = 0, least = 0, most = 0;  // 0: of nothing
};
/// Of numbers above 0.
Figures figures(std::vector<double> speed_ups);

/// What changed between two runs, by functions that both have: of the same name in the same file, else of a name that each run
/// has once.
struct Changes {
  struct Pair {
    const Entry* before;
    const Entry* now;
  };
  /// A kernel's time over 10 % apart at the first size that both have it of. times: before over now, bounded where one timed
  /// out.
  struct Moved {
    Pair of;
    const Timing* before;
    const Timing* now;
    SpeedUp times;
  };
  std::vector<Pair> both, failed, mended;
  std::vector<Moved> faster, slower;  // most first
  std::vector<const Entry*> added, removed;
};
/// Points into both.
Changes changes(const Results& before, const Results& now);

}  // namespace ak::port
