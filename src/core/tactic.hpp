// Tactic: HOW to compute a problem, as a value with ==. One table of knobs serves text, JSON, hashing, #defines, the LLM's
// schema and local moves; a knob that a family does not use stays at its default.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ak {

enum class FamilyId : std::uint8_t { vendor, sm90, sm80, skinny };
constexpr int kFamilyCount = 4;

std::string_view name(FamilyId family);
std::optional<FamilyId> parse_family(std::string_view text);

enum class Schedule : std::int16_t { basic = 0, cooperative = 1, pingpong = 2 };

struct Tactic {
  FamilyId family = FamilyId::sm80;
  std::int16_t tile_m = 0, tile_n = 0, tile_k = 0;  // output tile of one CTA, and the k step of one stage
  std::int16_t stages = 1;                          // shared-memory ring depth
  std::int16_t schedule = 0;                        // Schedule
  std::int16_t warps_m = 1, warps_n = 1;            // warp grid inside a CTA (sm80, skinny)
  std::int16_t cluster_m = 1, cluster_n = 1;        // CTAs per cluster along m and n
  std::int16_t split_k = 1;                         // slices of k summed in a fixed order
  std::int16_t swap_ab = 0;                         // 1: n takes the tensor core's 64-row axis
  std::int16_t raster = 0;                          // tiles per raster group along m; 0: row by row
  std::int16_t store = 0;     // 0: from registers, 1: through shared memory (sm90: by TMA), 2: sm90, row by row
  std::int16_t load = 0;      // sm90: how operands come. 0: by TMA, 1: 8 bytes at a time by producer warps
  std::int16_t overlap = 0;   // 1: the next kernel may start while this one runs, 2: fetches weights before its turn, 3: both
  std::int16_t unroll = 1;    // independent loads in flight (skinny)
  std::int16_t algo = 0;      // vendor: rank of the heuristic
  std::int16_t separate = 0;  // vendor: VendorKind, 0: fused epilogue, 1: product + our pass, 2: two products + it

  bool operator==(const Tactic&) const = default;
};

/// Whether cuBLASLt runs it.
inline bool is_vendor(const Tactic& tactic) { return tactic.family == FamilyId::vendor; }

struct Knob {
  std::string_view name;
  std::int16_t Tactic::*member;
  std::int16_t unset;  // the default, left out of text
};

constexpr std::array<Knob, 18> kKnobs = {{
    {"tile_m", &Tactic::tile_m, 0},
    {"tile_n", &Tactic::tile_n, 0},
    {"tile_k", &Tactic::tile_k, 0},
    {"stages", &Tactic::stages, 1},
    {"schedule", &Tactic::schedule, 0},
    {"warps_m", &Tactic::warps_m, 1},
    {"warps_n", &Tactic::warps_n, 1},
    {"cluster_m", &Tactic::cluster_m, 1},
    {"cluster_n", &Tactic::cluster_n, 1},
    {"split_k", &Tactic::split_k, 1},
    {"swap_ab", &Tactic::swap_ab, 0},
    {"raster", &Tactic::raster, 0},
    {"store", &Tactic::store, 0},
    {"load", &Tactic::load, 0},
    {"overlap", &Tactic::overlap, 0},
    {"unroll", &Tactic::unroll, 1},
    {"algo", &Tactic::algo, 0},
    {"separate", &Tactic::separate, 0},
}};

const Knob* find_knob(std::string_view name);
/// The largest value it may have; the least is 0.
constexpr std::int16_t most_of(const Knob& knob) { return knob.member == &Tactic::schedule ? 2 : 32767; }

/// "sm90 tile_m=128 tile_n=256 tile_k=64 stages=4 schedule=pingpong"; knobs at their defaults are left out.
std::string to_string(const Tactic& tactic);

/// Throws Error{invalid_argument} that names the token.
Tactic parse_tactic(std::string_view text);

std::uint64_t hash(const Tactic& tactic);

struct TacticHash {
  std::size_t operator()(const Tactic& t) const { return hash(t); }
};

}  // namespace ak
