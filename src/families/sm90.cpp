// sm90: kernels/sm90.cu on the host. Every sum here mirrors kernels/sm90_tile.cuh.
#include "families/sm90.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/arithmetic.hpp"

namespace ak {
namespace {

constexpr std::string_view kSources[] = {"words.cuh",     "hopper.cuh",        "wgmma.cuh",
                                         "sm90_tile.cuh", "sm90_epilogue.cuh", "sm90_store.cuh",
                                         "sm90_runs.cuh", "sm90_split.cuh",    "sm90.cu"};

constexpr int kBarrierBytes = 16;    // full and empty, per stage
constexpr int kStagingBytes = 2048;  // of store 1, per consumer warp
constexpr std::int64_t kIntMax = std::numeric_limits<std::int32_t>::max();

/// A tactic seen from the tensor core: `left` is its 64-row operand (A, or B when swapped), `right` the other one.
struct View {
  bool swap, pingpong, left_major_k, right_major_k;
  std::int64_t rows, columns;  // of the whole problem
  int consumers, blocks, accumulators;
  std::int64_t left_bytes, right_bytes, stage_bytes, epilogue_bytes, smem_bytes;

  View(const Problem& p, const Tactic& t)
      : swap(t.swap_ab != 0),
        pingpong(t.schedule == static_cast<int>(Schedule::pingpong)),
        left_major_k((swap ? p.b_major : p.a_major) == Major::k),
        right_major_k((swap ? p.a_major : p.b_major) == Major::k),
        rows(swap ? p.n : p.m),
        columns(swap ? p.m : p.n) {
    consumers = pingpong ? 2 : t.tile_m == 64 ? 1 : t.tile_m == 192 ? 3 : 2;
    blocks = t.tile_m / 64 / (pingpong ? 1 : consumers);
    accumulators = blocks * t.tile_n / 2;
    left_bytes = 2ll * t.tile_m * t.tile_k;
    right_bytes = 2ll * (right_major_k ? t.tile_n : ceil_div(t.tile_n, 64) * 64) * t.tile_k;
    stage_bytes = left_bytes + right_bytes;
    const bool column_bias = p.epilogue.bias == (swap ? BiasAxis::row : BiasAxis::column);
    epilogue_bytes = t.split_k > 1 ? 0
                                   : consumers * (t.store == 2   ? run_bytes(p, t)
                                                  : t.store == 1 ? 4ll * kStagingBytes
                                                                 : 0) +
                                         (column_bias ? 4ll * consumers * t.tile_n : 0);
    smem_bytes = t.stages * (stage_bytes + kBarrierBytes) + epilogue_bytes;
  }

  /// Shared memory of store 2 for one warpgroup.
  std::int64_t run_bytes(const Problem& p, const Tactic& t) const {
    const std::int64_t size = size_of(p.epilogue.out), most = swap ? 32 : 192 / size, step = t.tile_n % 16 == 0 ? 16 : 8;
    const auto parts = ceil_div(t.tile_n, most), part = ceil_div(ceil_div(t.tile_n, parts), step) * step;
    const auto pitch = (swap ? 64 * blocks : part) * size + 16;
    return pitch * (swap ? part * (parts > 1 ? 2 : 1) : 4 * 16);
  }

  int threads() const { return 128 * consumers + (consumers == 1 ? 32 : 128); }
  std::int64_t clusters(const Tactic& t) const {
    return ceil_div(rows, std::int64_t{t.tile_m} * t.cluster_m) * ceil_div(columns, std::int64_t{t.tile_n} * t.cluster_n);
  }
};

int cluster_size(const Tactic& t) { return t.cluster_m * t.cluster_n * t.split_k; }

/// Clusters that run at once, one CTA per SM. A GPC holds 16 or 18 SMs: larger clusters leave some of them idle.
std::int64_t resident_clusters(const Tactic& t, const DeviceFacts& device) {
  const int size = cluster_size(t);
  if (size <= 2) return std::max(1, device.sm_count / size);
  return std::max<std::int64_t>(1, device.sm_count / 16 * (16 / size));
}

int max_stages(const Problem& p, Tactic t, const DeviceFacts& device) {
  t.stages = 1;
  const View v(p, t);
  return static_cast<int>((device.smem_per_block - v.epilogue_bytes) / (v.stage_bytes + kBarrierBytes));
}

class Sm90 final : public Family {
 public:
  FamilyId id() const override { return FamilyId::sm90; }
  std::span<const std::string_view> sources() const override { return kSources; }

  std::optional<std::string> refuses(const Problem& p, const DeviceFacts& device) const override {
    if (!device.hopper())
      return fmt::format("wgmma and TMA multicast need compute capability 9.0, this GPU has {}.{}", device.compute_major,
                         device.compute_minor);
    if (p.align_a < 16 || p.align_b < 16)
      return fmt::format("TMA needs rows of A and B on 16-byte boundaries, they are on {} and {}", p.align_a, p.align_b);
    if (p.in == DType::f32) return "wgmma is used for f16 and bf16 inputs only";
    if (p.batch != 1) return "one matrix product a launch";
    if (p.m < 1 || p.n < 1 || p.k < 1) return "an empty product needs no kernel";
    if (p.m > kIntMax || p.n > kIntMax || p.k > kIntMax) return "TMA coordinates are 32-bit: m, n and k must stay below 2^31";
    if (auto why = beyond_plain(p.epilogue)) return why;
    return std::nullopt;
  }

  std::optional<std::string> rejects(const Problem& p, const Tactic& t, const DeviceFacts& device) const override {
    if (t.family != FamilyId::sm90) return fmt::format("a tactic of family {}", name(t.family));
    if (auto why = refuses(p, device)) return why;
    if (t.warps_m != 1 || t.warps_n != 1 || t.unroll != 1 || t.algo != 0 || t.separate != 0)
      return "sm90 has no knobs warps_m, warps_n, unroll, algo, separate";
    if (t.schedule != static_cast<int>(Schedule::cooperative) && t.schedule != static_cast<int>(Schedule::pingpong))
      return "schedule is cooperative or pingpong";
    if (t.swap_ab != 0 && t.swap_ab != 1) return "swap_ab is 0 or 1";
    if (t.store < 0 || t.store > 2) return "store is 0, 1 or 2";
    if (t.tile_m != 64 && t.tile_m != 128 && t.tile_m != 192 && t.tile_m != 256)
      return "tile_m is 64, 128, 192 or 256: whole 64-row wgmma blocks for each warpgroup";
    if (t.tile_n < 8 || t.tile_n > 256 || t.tile_n % (t.swap_ab ? 8 : 16) != 0)
      return fmt::format("tile_n {} is no wgmma width: 16 to 256 in steps of 16 (from 8 in steps of 8 with swap_ab)", t.tile_n);
    if (t.tile_k != 64 && t.tile_k != 128) return "tile_k is 64 or 128: one or two 128-byte swizzle rows";
    if (t.stages < 2) return "fewer than 2 stages cannot overlap loads with wgmma";
    if (t.raster < 0 || t.raster > 64) return "raster is 0 to 64 tile rows a group";

    const View v(p, t);
    if (v.pingpong && t.tile_m > 192) return "pingpong gives each warpgroup a whole tile: tile_m at most 192";
    // One wgmma holds its accumulators and some 26 registers beside them at once, before any move to the consumers counts.
    if (v.consumers == 3 && t.tile_n > 192)
      return "three consumer warpgroups start with 128 registers a thread: tile_n at most 192";
    // With split_k no registers move to the consumers.
    const int registers = v.consumers == 1 ? 255 : v.consumers == 3 ? (t.split_k > 1 ? 128 : 160) : t.split_k > 1 ? 168 : 240;
    const int limit = registers == 255 ? 128 : registers == 240 ? (t.store == 2 ? 192 : 208) : registers - 48;
    if (v.accumulators > limit)
      return fmt::format("{} f32 accumulators a thread, {} fit beside addresses and epilogue in {} registers", v.accumulators,
                         limit, registers);

    if (t.cluster_m < 1 || t.cluster_n < 1 || t.cluster_m > 2 || t.cluster_n > 2 || t.cluster_m * t.cluster_n > 2)
      return "clusters are 1x1, 2x1 or 1x2";
    if (t.cluster_m > 1 && v.right_major_k && t.tile_n % (8 * t.cluster_m) != 0)
      return fmt::format("multicast halves tile_n {} into parts that are no whole 8-row swizzle atoms", t.tile_n);
    if (t.split_k < 1 || t.split_k > 8) return "split_k is 1 to 8: the slices of a tile form one portable cluster";
    if (t.split_k > 1) {
      if (p.numerics == Numerics::single_pass) return "split_k changes the reduction order, which this problem forbids";
      if (t.cluster_m * t.cluster_n > 1) return "split_k uses the cluster for the slices of k";
      if (v.pingpong) return "split_k is cooperative: a CTA works on one tile";
      if (t.store) return "split_k stores directly: store is 0";
      if (t.raster) return "split_k has no raster";
      if (ceil_div(p.k, t.tile_k) < t.split_k) return fmt::format("k has fewer than {} stages to split", t.split_k);
      if (4ll * t.tile_m * t.tile_n > t.stages * v.stage_bytes)
        return "the partial tile in f32 does not fit where the stages were";
    }
    if (t.store == 1) {
      if (p.align_d < 16)
        return fmt::format("store 1 needs rows of D on 16-byte boundaries for TMA, they are on {}", p.align_d);
      if (p.n * size_of(p.epilogue.out) % 16 != 0)
        return fmt::format("store 1 writes whole 16 bytes, a row of D ends inside them at n {}", p.n);
    }
    if (v.smem_bytes > device.smem_per_block)
      return fmt::format("{} bytes of shared memory ({} stages of {}), a block has {}", v.smem_bytes, t.stages, v.stage_bytes,
                         device.smem_per_block);
    if (v.clusters(t) * cluster_size(t) > kIntMax) return "more than 2^31 tiles";
    return std::nullopt;
  }

  void enumerate(const Problem& p, const DeviceFacts& device, std::vector<Tactic>& out) const override {
    if (refuses(p, device)) return;
    for (const int swap : {0, 1}) {
      if (swap && p.m > 256) continue;  // beyond it the plain orientation fills the 64 rows as well
      for (const auto schedule : {Schedule::cooperative, Schedule::pingpong})
        for (const int tile_m : {64, 128, 192, 256})
          for (int tile_n = swap ? 8 : 16; tile_n <= 256; tile_n += swap ? 8 : 16) {
            Tactic t;
            t.family = FamilyId::sm90;
            t.schedule = static_cast<std::int16_t>(schedule);
            t.tile_m = static_cast<std::int16_t>(tile_m);
            t.tile_n = static_cast<std::int16_t>(tile_n);
            t.swap_ab = static_cast<std::int16_t>(swap);
            if (worth_a_look(p, t, device)) expand(p, t, device, out);
          }
    }
  }

  double cost_us(const Problem& p, const Tactic& t, const DeviceFacts& device) const override;

  Geometry geometry(const Problem& p, const Tactic& t, const DeviceFacts& device) const override {
    const View v(p, t);
    Geometry g;
    const auto size = cluster_size(t);
    // With split_k a cluster serves one tile and its hardware scheduler the rest; otherwise CTAs are persistent.
    const auto clusters = t.split_k > 1 ? v.clusters(t) : std::min(v.clusters(t), resident_clusters(t, device));
    g.grid = {static_cast<std::uint32_t>(clusters * size), 1, 1};
    g.cluster = {static_cast<std::uint32_t>(size), 1, 1};
    g.threads = static_cast<std::uint32_t>(v.threads());
    g.smem_bytes = static_cast<std::uint32_t>(v.smem_bytes);
    const auto box = [&](Operand operand, bool major_k, int extent, int slices) {
      return TensorMapSpec{operand, 64, (major_k ? extent : t.tile_k) / slices, 128};
    };
    const auto left = box(v.swap ? Operand::b : Operand::a, v.left_major_k, t.tile_m, t.cluster_n);
    const auto right = box(v.swap ? Operand::a : Operand::b, v.right_major_k, t.tile_n, t.cluster_m);
    g.map_count = t.store == 1 ? 3 : 2;
    g.maps[0] = v.swap ? right : left;
    g.maps[1] = v.swap ? left : right;
    if (t.store == 1) {  // a strip of one warp, see sm90_store.cuh
      const int size = size_of(p.epilogue.out), columns = size == 2 && t.tile_n % 32 == 0 ? 32 : t.tile_n % 16 == 0 ? 16 : 8;
      g.maps[2] =
          v.swap ? TensorMapSpec{Operand::d, 16, columns, 16 * size} : TensorMapSpec{Operand::d, columns, 16, columns * size};
    }
    return g;
  }

 private:
  /// Tiles that are not mostly padding, and small enough not to leave most SMs idle.
  static bool worth_a_look(const Problem& p, const Tactic& t, const DeviceFacts& device) {
    const View v(p, t);
    if (t.tile_m > 64 && t.tile_m >= 2 * v.rows) return false;
    if (t.tile_n > 16 && t.tile_n - v.columns >= 16) return false;
    const auto tiles = ceil_div(v.rows, t.tile_m) * ceil_div(v.columns, t.tile_n);
    if (v.swap) {
      // Few tokens: one tile covers them, or they fall into equal parts.
      const auto parts = ceil_div(v.columns, t.tile_n);
      if (parts > 2 || t.tile_n != ceil_div(ceil_div(v.columns, parts), 8) * 8) return t.tile_n == 8 && v.columns <= 16;
    } else if (t.tile_n < 64 && tiles > 4 * device.sm_count) {
      return false;  // narrow wgmmas are bound by shared memory: only to fill the SMs
    }
    return true;
  }

  void expand(const Problem& p, Tactic t, const DeviceFacts& device, std::vector<Tactic>& out) const {
    const View v(p, t);
    const auto tiles = ceil_div(v.rows, t.tile_m) * ceil_div(v.columns, t.tile_n);
    const bool skinny = p.m <= 128, persistent = tiles > device.sm_count;
    // D leaves through shared memory by TMA where that can write it, else row by row.
    const int staged = p.align_d < 16 || p.n * size_of(p.epilogue.out) % 16 != 0 ? 2 : 1;
    const auto add = [&] {
      if (!rejects(p, t, device)) out.push_back(t);
    };
    for (const int tile_k : {64, 128}) {
      if (tile_k == 128 && !skinny && tiles > 2 * device.sm_count) continue;
      t.tile_k = static_cast<std::int16_t>(tile_k);
      for (const int store : {0, staged}) {
        t.store = static_cast<std::int16_t>(store);
        const int most = max_stages(p, t, device);
        std::vector<int> depths{most};  // fewer stages than fit can be faster
        for (const int depth : {most / 2, 4, most - 1})
          if (depth >= 3 && depth < most && std::find(depths.begin(), depths.end(), depth) == depths.end() &&
              depths.size() < (store ? 3u : 2u))
            depths.push_back(depth);
        for (const int stages : depths) {
          t.stages = static_cast<std::int16_t>(std::min(stages, 16));
          for (const auto& [cluster_m, cluster_n] : {std::pair{1, 1}, std::pair{2, 1}, std::pair{1, 2}}) {
            if (ceil_div(v.rows, t.tile_m) < cluster_m || ceil_div(v.columns, t.tile_n) < cluster_n) continue;
            t.cluster_m = static_cast<std::int16_t>(cluster_m);
            t.cluster_n = static_cast<std::int16_t>(cluster_n);
            for (const int raster : {0, 8, 16}) {
              if (raster && (!persistent || raster > ceil_div(v.rows, t.tile_m) * 2)) continue;
              t.raster = static_cast<std::int16_t>(raster);
              add();
            }
            t.raster = 0;
            if (cluster_m * cluster_n > 1 || store) continue;
            for (const int split : {2, 3, 4, 5, 6, 8}) {
              if (tiles * split > 2 * device.sm_count || p.k < 512 * split) break;
              t.split_k = static_cast<std::int16_t>(split);
              add();
            }
            t.split_k = 1;
          }
        }
      }
    }
  }
};

double Sm90::cost_us(const Problem& p, const Tactic& t, const DeviceFacts& device) const {
  const View v(p, t);
  const double size = cluster_size(t);
  const double clusters = static_cast<double>(v.clusters(t));
  const double resident = static_cast<double>(resident_clusters(t, device));
  const double waves = std::ceil(clusters / resident);
  const double busy_sms = std::min(clusters, resident) * size;
  const double k_stages = std::ceil(std::ceil(static_cast<double>(p.k) / t.tile_k) / t.split_k);

  // One stage of one CTA, in clocks: the tensor core's N/2 a wgmma; its operands from shared memory at 128 bytes a clock; the
  // stage's way into the SM at 58 bytes a clock (measured; multicast saves L2 reads, not this); a floor for issue and barriers;
  // and what the ring's depth leaves uncovered of a load's latency (one stage is being multiplied, a second not yet released).
  const double wgmmas = t.tile_m / 64.0 * (t.tile_k / 16.0);
  const double tensor = wgmmas * std::max(t.tile_n / 2.0, (64.0 + t.tile_n) * 32 / 128) + 24;
  const double bytes = static_cast<double>(v.stage_bytes);
  const double l2_bytes = static_cast<double>(v.left_bytes) / t.cluster_n + static_cast<double>(v.right_bytes) / t.cluster_m;
  const double transfer = std::max(bytes / 62, l2_bytes / 54);
  const double latency = (900 + transfer) / (t.stages - 1);
  const double stage = std::max({tensor, transfer, latency, 330.0});
  // Sustained matrix work runs below the boost clock: power.
  const double work_share = std::min(1.0, p.flops() / 2e10);
  const double ghz = device.clock_ghz * (1.0 - 0.25 * work_share);
  const double mainloop = k_stages * stage;
  const double output = static_cast<double>(t.tile_m) * t.tile_n;
  const double direct = p.align_d < 4 ? 0.15 : 0.085;
  const double epilogue = 400 + output *
                                    (t.store == 1   ? 0.055
                                     : t.store == 2 ? 0.075
                                                    : direct) *
                                    (v.consumers == 1 ? 2.0 : 1.0);
  // Two cooperative warpgroups finish their tile together, then multiply again; pingpong hides all epilogues but the last.
  const double tile_clocks = v.pingpong ? std::max(mainloop, (mainloop + epilogue) / 2) : mainloop + epilogue;
  const double compute_us = (waves * tile_clocks + (v.pingpong ? epilogue : 0)) / (ghz * 1e3);

  // Memory: operands are read once more for every group of tiles that no longer finds them in L2.
  const double input = 2.0 * (static_cast<double>(p.m) + static_cast<double>(p.n)) * static_cast<double>(p.k);
  const double side = std::sqrt(busy_sms * output * (t.raster ? 1.0 : 0.6));  // of the square of D that is in flight at once
  const double reread = 2 * static_cast<double>(p.m) * static_cast<double>(p.n) / side * 2.0 * static_cast<double>(p.k);
  const double from_memory =
      input < 0.7 * static_cast<double>(device.l2_bytes) ? input : std::max(input, std::min(reread, 4 * input) * 0.6);
  const double memory_us = (from_memory + p.bytes() - input) / (0.94 * device.memory_tb_s * 1e6);

  // split_k: partial tiles in f32 cross the cluster, and a second wave of clusters starts from nothing.
  const double split_us = t.split_k > 1 ? 1.2 + output * 4 / 1024 * 0.06 + (waves - 1) * 3.0 : 0.0;
  const double fixed_us = 2.6 + 0.2 * (size > 1);
  return fixed_us + std::max(compute_us, memory_us) + 0.1 * std::min(compute_us, memory_us) + split_us;
}

}  // namespace

const Family& sm90_family() {
  static const Sm90 family;
  return family;
}

}  // namespace ak
