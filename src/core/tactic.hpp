// Tactic: HOW to compute a problem, as a value with ==. One table of knobs serves text, JSON, hashing, #defines, the LLM's
// schema and local moves; a knob that a family does not use stays at its default.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ak {

/// vendor is cuBLASLt; the own families follow, from 1.
enum class FamilyId : std::uint8_t {
  vendor,
#define AK_FAMILY(name) name,
#include "core/families.def"
#undef AK_FAMILY
};
#define AK_FAMILY(name) +1
constexpr int kFamilyCount = 1
#include "core/families.def"
    ;
#undef AK_FAMILY

std::string_view name(FamilyId family);
std::optional<FamilyId> parse_family(std::string_view text);

enum class Schedule : std::int16_t { basic = 0, cooperative = 1, pingpong = 2 };

struct Tactic {
  FamilyId family = FamilyId::sm80;
  // kKnobs says what each means and who has it.
  std::int16_t tile_m = 0, tile_n = 0, tile_k = 0;
  std::int16_t stages = 1;
  std::int16_t schedule = 0;  // Schedule
  std::int16_t warps_m = 1, warps_n = 1;
  std::int16_t cluster_m = 1, cluster_n = 1;
  std::int16_t split_k = 1;
  std::int16_t swap_ab = 0;
  std::int16_t raster = 0;
  std::int16_t store = 0;
  std::int16_t load = 0;
  std::int16_t overlap = 0;
  std::int16_t unroll = 1;
  std::int16_t algo = 0;
  std::int16_t separate = 0;  // VendorKind

  bool operator==(const Tactic&) const = default;
};

/// Whether cuBLASLt runs it.
inline bool is_vendor(const Tactic& tactic) { return tactic.family == FamilyId::vendor; }

/// A set of families, a bit each.
constexpr unsigned bit(FamilyId family) { return 1u << static_cast<int>(family); }

struct Knob {
  std::string_view name;
  std::int16_t Tactic::*member;
  std::int16_t unset;        // the default, left out of text
  unsigned families;         // that have it
  std::string_view meaning;  // in a prompt's words
  bool in_hash = false;      // of a tactic where it has its default: knobs that came later leave older hashes as they are
};

namespace knobs {
constexpr unsigned kVendor = bit(FamilyId::vendor), kSm90 = bit(FamilyId::sm90), kSm80 = bit(FamilyId::sm80),
                   kSkinny = bit(FamilyId::skinny), kTiled = kSm90 | kSm80, kOwn = kTiled | kSkinny;
constexpr Knob kAll[] = {
    {"tile_m", &Tactic::tile_m, 0, kOwn, "rows of the CTA's output tile", true},
    {"tile_n", &Tactic::tile_n, 0, kOwn, "columns of the CTA's output tile", true},
    {"tile_k", &Tactic::tile_k, 0, kTiled, "k step of one pipeline stage", true},
    {"stages", &Tactic::stages, 1, kTiled, "depth of the shared-memory ring", true},
    {"schedule", &Tactic::schedule, 0, kTiled, "basic; cooperative: warpgroups share a tile; pingpong: a tile each, one's epilogue under the other's multiply", true},
    {"warps_m", &Tactic::warps_m, 1, kSm80 | kSkinny, "warps of a CTA along m", true},
    {"warps_n", &Tactic::warps_n, 1, kSm80 | kSkinny, "warps of a CTA along n", true},
    {"cluster_m", &Tactic::cluster_m, 1, kSm90, "CTAs per cluster along m", true},
    {"cluster_n", &Tactic::cluster_n, 1, kSm90, "CTAs per cluster along n", true},
    {"split_k", &Tactic::split_k, 1, kOwn, "slices of k in parallel, summed in fixed order", true},
    {"swap_ab", &Tactic::swap_ab, 0, kSm90, "1: n takes the tensor core's 64-row axis, so tile_m counts along n and tile_n along m", true},
    {"raster", &Tactic::raster, 0, kTiled, "tiles per L2 raster group along m; 0: row by row", true},
    {"store", &Tactic::store, 0, kTiled, "0: from registers, 1: through shared memory, 2 (sm90): the same for rows of D off 16-byte boundaries", true},
    {"load", &Tactic::load, 0, kSm90, "sm90: 0: operands come by TMA, which packs rows off 16-byte boundaries first, 1: by cp.async, rows on 8-byte boundaries"},
    {"overlap", &Tactic::overlap, 0, kOwn, "1: the next kernel's CTAs may start while this one runs; gains where they fill the SMs; 2 (sm90): fetches weights before its turn; 3 (sm90, skinny): both"},
    {"unroll", &Tactic::unroll, 1, kSkinny, "independent loads in flight", true},
    {"algo", &Tactic::algo, 0, kVendor, "rank of cuBLASLt's heuristic", true},
    {"separate", &Tactic::separate, 0, kVendor, "VendorKind. 0: fused epilogue, 1: product + our pass, 2: two products + it", true},
};
}  // namespace knobs

/// One line a knob.
constexpr std::span<const Knob> kKnobs = knobs::kAll;

const Knob* find_knob(std::string_view name);
/// The largest value it may have; the least is 0.
constexpr std::int16_t most_of(const Knob& knob) { return knob.member == &Tactic::schedule ? 2 : 32767; }

/// Why the tactic sets a knob that its family does not have; nullopt when it does not.
std::optional<std::string> foreign_knobs(const Tactic& tactic);

/// "sm90 tile_m=128 tile_n=256 tile_k=64 stages=4 schedule=pingpong"; knobs at their defaults are left out.
std::string to_string(const Tactic& tactic);

/// Throws Error{invalid_argument} that names the token.
Tactic parse_tactic(std::string_view text);

std::uint64_t hash(const Tactic& tactic);

struct TacticHash {
  std::size_t operator()(const Tactic& t) const { return hash(t); }
};

}  // namespace ak
