// sm90: kernels/sm90.cu on the host. Every sum here mirrors kernels/sm90_tile.cuh.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/arithmetic.hpp"
#include "families/family.hpp"
#include "families/sm90_cost.hpp"
#include "kernels/args.cuh"

namespace ak {
namespace {

constexpr std::string_view kSources[] = {"words.cuh",      "pack.cuh",      "hopper.cuh",        "wgmma.cuh",
                                         "sm90_tile.cuh",  "sm90_pack.cuh", "sm90_epilogue.cuh", "sm90_residual.cuh",
                                         "sm90_store.cuh", "sm90_runs.cuh", "sm90_split.cuh",    "sm90_copy.cuh",
                                         "sm90.cu"};

constexpr int kSwizzleBytes = 128;
constexpr int kBarrierBytes = 16;  // full and empty, per stage
constexpr std::int64_t kFewTokens = 256;
constexpr int kWidest = 192;                      // accumulators a thread
constexpr double kLong = 1e10;                    // operations; of longer launches fewer variants are worth a look
constexpr std::int64_t kHeldInL2 = 16 << 20;      // bytes of A and B that are no burden on memory
constexpr double kRidge = 235, kNearRidge = 110;  // operations for each byte, below which memory is the bound
constexpr std::pair<int, int> kClusters[] = {{1, 1}, {2, 1}, {1, 2}, {4, 1}, {1, 4}, {4, 2}, {2, 4}, {8, 1}, {1, 8}};
constexpr std::int64_t kIntMax = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxExtent = kIntMax - 4096;  // coordinates inside the last cluster's tiles stay inside int

/// TMA reads 16-byte-aligned addresses only: operands below it are copied into the workspace first, B before A, for its size
/// does not depend on the number of tokens; the up matrix of a gated product lies between them (kernels/sm90_pack.cuh).
struct Packs {
  std::int64_t a = 0, b = 0, b2 = 0;  // bytes; 0: read where it is

  Packs(const Problem& p, const Tactic& t)
      : a(p.align_a < 16 && !t.load ? bytes(p.a_major, p.m, p.k, size_of(p.in)) : 0),
        b(p.align_b < 16 && !t.load ? bytes(p.b_major, p.n, p.k, size_of(p.in)) : 0),
        b2(p.epilogue.gated ? b : 0) {}

  static std::int64_t bytes(Major major, std::int64_t mn, std::int64_t k, int element_bytes) {
    return major == Major::k ? mn * packed_row_bytes(k, element_bytes) : k * packed_row_bytes(mn, element_bytes);
  }
  bool any() const { return a + b > 0; }
  /// Measured: all CTAs meet twice, and 2.4 MB a microsecond go in and out.
  double us() const { return any() ? 3.2 + static_cast<double>(a + b + b2) / 2.4e6 : 0.0; }
};

/// A tactic seen from the tensor core: `left` is its 64-row operand (A, or B when swapped), `right` the other one. Gated, the
/// operand that holds B's rows holds as many of the up matrix.
struct View {
  bool swap, pingpong, copies, left_major_k, right_major_k;
  std::int64_t rows, columns;                 // of D
  int gates, left_stack, right_stack, width;  // products; matrices in each operand; width of the wgmma
  int consumers, blocks, accumulators;
  int together, part_quads;  // 8-column slices that are finished at once, and those of D that one slice of k finishes
  std::int64_t left_bytes, right_bytes, stage_bytes, epilogue_bytes, smem_bytes;

  View(const Problem& p, const Tactic& t)
      : swap(t.swap_ab != 0),
        pingpong(t.schedule == static_cast<int>(Schedule::pingpong)),
        copies(t.load == 1),
        left_major_k((swap ? p.b_major : p.a_major) == Major::k),
        right_major_k((swap ? p.a_major : p.b_major) == Major::k),
        rows(swap ? p.n : p.m),
        columns(swap ? p.m : p.n),
        gates(p.epilogue.gates()),
        left_stack(swap ? gates : 1),
        right_stack(swap ? 1 : gates),
        width(right_stack * t.tile_n) {
    consumers = pingpong ? 2 : t.tile_m == 64 ? 1 : t.tile_m == 192 ? 3 : 2;
    blocks = t.tile_m / 64 / (pingpong ? 1 : consumers);
    accumulators = blocks * left_stack * width / 2;
    const int quads = t.tile_n / 8;
    together = quads % 2 == 0 && (quads % (2 * t.split_k) == 0 || (t.store && !swap)) ? 2 : 1;
    part_quads = ceil_div(quads / together, t.split_k) * together;
    const std::int64_t size = size_of(p.in);
    left_bytes = size * left_stack * t.tile_m * t.tile_k;
    right_bytes = size * right_stack * (right_major_k ? t.tile_n : round_up(t.tile_n, 64)) * t.tile_k;
    stage_bytes = left_bytes + right_bytes;
    const auto& e = p.epilogue;
    const int terms = (swap ? e.row_scale : e.column_scale) + (e.bias == (swap ? BiasAxis::row : BiasAxis::column));
    epilogue_bytes = consumers * (t.store == 2   ? run_bytes(p, t)
                                  : t.store == 1 ? 4ll * 1024 * (e.aux ? 1 + gates : 2)  // strips of D, of aux
                                                 : 0) +
                     4ll * consumers * terms * width;
    // Pieces of the other slices, and their barrier.
    if (t.split_k > 1) epilogue_bytes += 2048ll * (t.split_k - 1) * consumers * blocks * gates * part_quads + kBarrierBytes;
    smem_bytes = t.stages * (stage_bytes + kBarrierBytes) + epilogue_bytes;
  }

  /// Shared memory of store 2 for one warpgroup.
  std::int64_t run_bytes(const Problem& p, const Tactic& t) const {
    const std::int64_t size = size_of(p.epilogue.out), most = swap ? 32 : 192 / size, step = t.tile_n % 16 == 0 ? 16 : 8;
    const auto parts = ceil_div(t.tile_n, most), part = ceil_div(ceil_div(t.tile_n, parts), step) * step;
    const auto pitch = (swap ? 64 * blocks : part) * size + 16;
    return pitch * (swap ? part * (parts > 1 ? 2 : 1) : 4 * 16);
  }

  /// A's last tile has boxes of its own: sm90_tile.cuh.
  bool tails(const Packs& packs) const { return (swap ? right_major_k : left_major_k) && !packs.a && !copies; }
  int threads() const { return 128 * consumers + (copies ? 256 : consumers == 1 ? 32 : 128); }
  std::int64_t clusters(const Tactic& t) const {
    return ceil_div(rows, std::int64_t{t.tile_m} * t.cluster_m) * ceil_div(columns, std::int64_t{t.tile_n} * t.cluster_n);
  }
};

/// Columns of the tile in a strip of one warp, which store 1 sends off at once: sm90_store.cuh.
int strip_columns(const Problem& p, const Tactic& t, const View& v) {
  return size_of(p.epilogue.out) == 2 && t.tile_n % 32 == 0 && v.part_quads % 4 == 0 ? 32 : 8 * v.together;
}

// Sizes near 2^31 overflow 64 bits.
double input_bytes(const Problem& p) { return 1.0 * size_of(p.in) * double(p.m + p.wide_n()) * double(p.k); }

int cluster_size(const Tactic& t) { return t.cluster_m * t.cluster_n * t.split_k; }

/// Clusters that run at once, one CTA per SM. Clusters stay inside a GPC, and GPCs differ in SMs: larger ones leave some idle
/// (an H200 runs 30 of 4, 14 of 8, and of 3 fewer than 40).
std::int64_t resident_clusters(const Tactic& t, const DeviceFacts& device) {
  const int size = cluster_size(t);
  if (size <= 2) return std::max(1, device.sm_count / size);
  return std::max(1, device.sm_count / 16 * 15 / size - (size > 4 || size % 2 ? 1 : 0));
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
    if (p.in == DType::f32) return "wgmma is used for f16 and bf16 inputs only";
    if (auto why = policy_refuses(p, FamilyId::sm90, device)) return why;
    if (p.batch != 1) return "one matrix product a launch";
    if (p.m < 1 || p.n < 1 || p.k < 1) return "an empty product needs no kernel";
    if (std::max({p.m, p.wide_n(), p.k}) > kMaxExtent)
      return "TMA coordinates are 32-bit: an extent near 2^31 overflows those of its last tile";
    return std::nullopt;
  }

  std::optional<std::string> rejects(const Problem& p, const Tactic& t, const DeviceFacts& device) const override {
    if (t.family != FamilyId::sm90) return fmt::format("a tactic of family {}", name(t.family));
    if (auto why = refuses(p, device)) return why;
    if (auto why = foreign_knobs(t)) return why;
    if (t.tile_k > 0 && t.split_k > 0)
      if (auto why = policy_rejects(p, order(p, t), device)) return why;
    if (t.schedule != static_cast<int>(Schedule::cooperative) && t.schedule != static_cast<int>(Schedule::pingpong))
      return "schedule is cooperative or pingpong";
    if (t.swap_ab != 0 && t.swap_ab != 1) return "swap_ab is 0 or 1";
    if (t.overlap < 0 || t.overlap > 3) return "overlap is 0 to 3";
    if (t.overlap >= 2 && Packs(p, t).any()) return "overlap 2 and 3 fetch operands that are read where they lie";
    if (t.load != 0 && t.load != 1) return "load is 0 or 1";
    if (t.store < 0 || t.store > 2) return "store is 0, 1 or 2";
    if (t.tile_m != 64 && t.tile_m != 128 && t.tile_m != 192 && t.tile_m != 256)
      return "tile_m is 64, 128, 192 or 256: whole 64-row wgmma blocks for each warpgroup";
    if (t.tile_n < 8 || t.tile_n > 256 || t.tile_n % (t.swap_ab || p.epilogue.gated ? 8 : 16) != 0)
      return fmt::format("tile_n {} is no wgmma width: 16 to 256 in steps of 16 (from 8 in steps of 8 with swap_ab or gated)",
                         t.tile_n);
    if (t.tile_k != 64 && t.tile_k != 128) return "tile_k is 64 or 128: one or two 128-byte swizzle rows";
    if (t.stages < 2) return "fewer than 2 stages cannot overlap loads with wgmma";
    if (t.raster < 0 || t.raster > 64) return "raster is 0 to 64 tile rows a group";
    if (t.split_k < 1 || t.split_k > 8) return "split_k is 1 to 8: the slices of a tile form one portable cluster";

    const View v(p, t);
    if (v.width > 256) return fmt::format("gate and up make a wgmma of width {}, at most 256", v.width);
    if (v.right_stack > 1 && !v.right_major_k && t.tile_n % 64 != 0)
      return fmt::format("gate and up meet inside a swizzled row of 64 columns at tile_n {}", t.tile_n);
    if (v.pingpong && t.tile_m > 192) return "pingpong gives each warpgroup a whole tile: tile_m at most 192";
    // One wgmma holds its accumulators and some 26 registers beside them at once, before any move to the consumers counts.
    if (v.consumers == 3 && v.width > 192)
      return "three consumer warpgroups start with 128 registers a thread: a wgmma is at most 192 wide";
    if (t.load == 1)
      if (auto why = rejects_copies(p, t, v)) return why;
    const int registers = v.consumers == 1 ? 255 : v.consumers == 3 ? 160 : 240;
    const int limit = registers == 255 ? 128 : registers == 240 ? (t.store == 2 ? 192 : 208) : registers - 48;
    if (v.accumulators > limit)
      return fmt::format("{} f32 accumulators a thread, {} fit beside addresses and epilogue in {} registers", v.accumulators,
                         limit, registers);

    for (const auto side : {t.cluster_m, t.cluster_n})
      if (side != 1 && side != 2 && side != 4 && side != 8) return "cluster_m and cluster_n are 1, 2, 4 or 8";
    if (t.cluster_m * t.cluster_n > 8) return "a portable cluster has at most 8 CTAs";
    if (t.cluster_m > 1 && v.right_major_k && t.tile_n % (8 * t.cluster_m) != 0)
      return fmt::format("multicast cuts tile_n {} into {} parts that are no whole 8-row swizzle atoms", t.tile_n, t.cluster_m);
    if (t.split_k > 1) {
      if (t.cluster_m * t.cluster_n > 1) return "split_k uses the cluster for the slices of k";
      if (v.pingpong) return "split_k is cooperative: a CTA works on one tile";
      if (t.store == 2) return "split_k stores from registers or by TMA: store is 0 or 1";
      if (t.raster) return "split_k has no raster";
      if (ceil_div(p.k, t.tile_k) < t.split_k) return fmt::format("k has fewer than {} stages to split", t.split_k);
    }
    if (t.store && !v.swap && t.tile_n % 16 != 0)
      return fmt::format("store 1 and 2 move 16 columns at once, tile_n is {}", t.tile_n);
    if (t.store == 1) {
      if (p.align_d < 16)
        return fmt::format("store 1 needs rows of D on 16-byte boundaries for TMA, they are on {}", p.align_d);
      if (p.n * size_of(p.epilogue.out) % 16 != 0)
        return fmt::format("store 1 writes whole 16 bytes, a row of D ends inside them at n {}", p.n);
      if (const int strip = v.swap ? 16 : strip_columns(p, t, v); p.epilogue.gated && p.epilogue.aux && p.n % strip != 0)
        return fmt::format("store 1 sends aux in strips of {} columns, the gate's part ends inside one and the up part follows",
                           strip);
    }
    if (v.smem_bytes > device.smem_per_block)
      return fmt::format("{} bytes of shared memory ({} stages of {}), a block has {}", v.smem_bytes, t.stages, v.stage_bytes,
                         device.smem_per_block);
    if (v.clusters(t) * cluster_size(t) > kIntMax) return "more than 2^31 tiles";
    if (t.raster * ceil_div(v.columns, std::int64_t{t.tile_n} * t.cluster_n) > std::numeric_limits<std::uint32_t>::max())
      return fmt::format("raster={}: a group of that many rows of tiles has more than 2^32 - 1", t.raster);
    return std::nullopt;
  }

  void enumerate(const Problem& p, const DeviceFacts& device, std::vector<Tactic>& out) const override {
    if (refuses(p, device)) return;
    for (const int swap : {0, 1}) {
      for (const auto schedule : {Schedule::cooperative, Schedule::pingpong})
        for (const int tile_m : {64, 128, 192, 256})
          for (int tile_n = swap ? 8 : 16; tile_n <= 256; tile_n += swap || p.epilogue.gated ? 8 : 16) {
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

  double cost_us(const Problem& p, const Tactic& t, const DeviceFacts& device) const override {
    const View v(p, t);
    return Packs(p, t).us() + sm90_cost_us(p, t,
                                           {v.rows, v.columns, v.left_stack * t.tile_m, v.width, v.consumers, v.left_bytes,
                                            v.right_bytes, v.clusters(t), resident_clusters(t, device)},
                                           device);
  }

  // Each element has one accumulator, in which wgmma adds sixteen products after the other, from the first of k to its last
  // (kernels/sm90.cu: multiply). Which warpgroup holds it, in which place of a tile of whatever size, and whether A or B takes
  // the 64-row axis, changes neither the steps nor their order: a product is exact in f32 and does not ask which factor came
  // first. tile_k says how many steps a stage has, and so how many zeros follow the last one. Without split_k C is added in the
  // same place in all (kStartFromC). How operands come (load, packing) and go (store) does no arithmetic.
  SumOrder order(const Problem& p, const Tactic& t) const override {
    const std::int64_t stages = ceil_div(p.k, std::int64_t{t.tile_k});
    return {FamilyId::sm90, stages * t.tile_k, ceil_div(stages, std::int64_t{t.split_k}) * t.tile_k, 1};
  }

  Geometry geometry(const Problem& p, const Tactic& t, const DeviceFacts& device) const override {
    const View v(p, t);
    Geometry g;
    const auto size = cluster_size(t);
    // With split_k a cluster serves one tile and its hardware scheduler the rest; otherwise CTAs are persistent.
    // Where operands are packed, a CTA without a tile still helps with that.
    const Packs packs(p, t);
    const auto resident = resident_clusters(t, device);
    const auto clusters = t.split_k > 1 ? v.clusters(t) : packs.any() ? resident : std::min(v.clusters(t), resident);
    g.grid = make_grid(clusters * size);
    g.cluster = {static_cast<std::uint32_t>(size), 1, 1};
    g.threads = static_cast<std::uint32_t>(v.threads());
    g.smem_bytes = static_cast<std::uint32_t>(v.smem_bytes);
    const auto box = [&](OperandId operand, bool major_k, int extent, int slices) {
      return TensorMapSpec{operand, kSwizzleBytes / size_of(p.in), (major_k ? extent : t.tile_k) / slices, kSwizzleBytes};
    };
    const auto left = box(v.swap ? OperandId::b : OperandId::a, v.left_major_k, t.tile_m, t.cluster_n);
    const auto right = box(v.swap ? OperandId::a : OperandId::b, v.right_major_k, t.tile_n, t.cluster_m);
    const auto map = [&](const TensorMapSpec& spec) { g.maps[static_cast<std::size_t>(g.map_count++)] = spec; };
    map(v.swap ? right : left);  // A's
    map(v.swap ? left : right);
    if (p.epilogue.gated) {
      map(v.swap ? left : right);
      g.maps[2].operand = OperandId::b2;
    }
    // TMA fills a box's rows behind the last one of A several times slower than it brings rows that are there.
    if (v.tails(packs)) {
      TensorMapSpec tail{OperandId::a_tail};
      if (v.accumulators <= 176) {
        g.maps[0].tile_rows = v.swap ? t.tile_n : t.tile_m;
        tail = g.maps[0], tail.operand = OperandId::a_tail;
      }
      map(tail);
    }
    if (t.load == 1) g.maps[0].box_inner = g.maps[1].box_inner = 0;
    if (packs.any()) g.workspace_bytes = kCounterBytes + packs.b + packs.b2 + packs.a;
    if (packs.a) g.maps[0].packed_at = kCounterBytes + packs.b + packs.b2;
    if (packs.b) g.maps[1].packed_at = kCounterBytes;
    if (packs.b2) g.maps[2].packed_at = kCounterBytes + packs.b;
    if (t.store == 1) {
      const int size = size_of(p.epilogue.out), columns = strip_columns(p, t, v);
      TensorMapSpec strip{OperandId::d, columns, 16, columns * size};
      if (v.swap) strip = {OperandId::d, 16, columns, 16 * size};
      map(strip);
      strip.operand = OperandId::aux;
      if (p.epilogue.aux) map(strip);
    }
    return g;
  }

 private:
  /// A few tokens in a tile that only clusters of four can share: these lie evenly over the chip, which pays for the padding.
  static bool shared_alone(const Problem& p, const Tactic& t) { return t.swap_ab && p.m <= 16 && t.tile_n == 32; }

  static std::optional<std::string> rejects_copies(const Problem& p, const Tactic& t, const View& v) {
    if (p.align_a != 8 || p.align_b != 8 || !v.left_major_k || !v.right_major_k)
      return "load 1 is for operands contiguous along k whose rows lie on 8-byte boundaries and not on 16-byte ones";
    if (p.epilogue.gated) return "load 1 brings two operands, no up projection";
    if (cluster_size(t) > 1) return "load 1 has no clusters, so no split_k";
    if (t.overlap > 1) return "load 1 fetches nothing ahead: overlap is 0 or 1";
    if (t.tile_k != 64) return "load 1 brings stages of 64 k";
    if (t.stages < 4) return "load 1 keeps two stages in flight and two in use: at least 4";
    // All warpgroups begin with an equal share.
    if (v.consumers > 2 || v.accumulators > (v.consumers == 1 ? 96 : 80))
      return fmt::format("{} f32 accumulators a thread of {} warpgroups do not fit beside two warpgroups that load",
                         v.accumulators, v.consumers);
    return std::nullopt;
  }

  /// Tiles that are not mostly padding, and small enough not to leave most SMs idle.
  static bool worth_a_look(const Problem& p, const Tactic& t, const DeviceFacts& device) {
    const View v(p, t);
    if (t.tile_m > 64 && t.tile_m >= 2 * v.rows) return false;
    if (shared_alone(p, t)) return t.tile_m <= 128;
    if (t.tile_n > 16 && t.tile_n - v.columns >= 16) return false;
    const auto tiles = ceil_div(v.rows, t.tile_m) * ceil_div(v.columns, t.tile_n);
    if (v.swap && p.m <= kFewTokens) {
      // Few tokens: one tile covers them, or they fall into equal parts.
      const auto parts = ceil_div(v.columns, t.tile_n);
      if (parts > 2 || t.tile_n != ceil_div(ceil_div(v.columns, parts), 8) * 8) return t.tile_n == 8 && v.columns <= 16;
    } else {
      if (v.width % 16) return false;  // such widths cost more than their finer step gains
      // Narrow wgmmas are bound by shared memory: only to fill the SMs.
      if (v.width < 64 && tiles > 4 * device.sm_count) return false;
    }
    return true;
  }

  /// Clusters of more than two cost when they start; they pay where one wave of tiles needs all of L2's bandwidth.
  static bool worth_sharing(const Problem& p, Tactic t, int cluster_m, int cluster_n, const DeviceFacts& device) {
    const View v(p, t);
    const auto tiles = ceil_div(v.rows, t.tile_m) * ceil_div(v.columns, t.tile_n);
    t.cluster_m = static_cast<std::int16_t>(cluster_m), t.cluster_n = static_cast<std::int16_t>(cluster_n), t.split_k = 1;
    const auto clusters = v.clusters(t);
    return 3 * tiles >= 2 * device.sm_count && clusters <= resident_clusters(t, device) &&
           8 * tiles >= 7 * clusters * cluster_m * cluster_n;
  }

  /// The next launch's CTAs start early on what SMs this one leaves free. Where that is many, they come to lie unevenly over
  /// the chip's GPCs, which costs more than the head start gains once memory is the bound.
  static bool overlaps(const Problem& p, std::int64_t ctas, const DeviceFacts& device) {
    return 16 * ctas >= 15 * device.sm_count || input_bytes(p) < kHeldInL2;
  }

  /// Where memory is the bound, weights that are on their way before the launch begins are worth more than the launch's own
  /// early start. Clusters of four lie evenly whenever they start, and so do launches that fit beside each other; near the
  /// ridge it matters less.
  static std::vector<int> worthwhile_overlaps(const Problem& p, const Tactic& t, const DeviceFacts& device) {
    const auto ctas = View(p, t).clusters(t) * cluster_size(t);
    const int plain = overlaps(p, ctas, device);
    std::vector<int> all{plain};
    if (p.flops() > kRidge * p.bytes() && input_bytes(p) > kHeldInL2) return all;
    all.push_back(plain | 2);
    if (!plain && (t.cluster_m * t.cluster_n >= 4 || 2 * ctas <= device.sm_count || p.flops() > kNearRidge * p.bytes()))
      all.push_back(3);
    return all;
  }

  void expand(const Problem& p, Tactic t, const DeviceFacts& device, std::vector<Tactic>& out) const {
    const View v(p, t);
    const auto tiles = ceil_div(v.rows, t.tile_m) * ceil_div(v.columns, t.tile_n);
    const bool skinny = p.m <= 128;
    // D leaves through shared memory by TMA where that can write it, else row by row.
    const int staged = p.align_d < 16 || p.n * size_of(p.epilogue.out) % 16 != 0 ? 2 : 1;
    const bool is_long = p.flops() > kLong;
    const auto add = [&] {
      // The assembler spills the widest tiles more often than not, and wide ones in clusters.
      if (v.accumulators > kWidest || (v.accumulators == kWidest && t.cluster_m * t.cluster_n > 1)) return;
      if (shared_alone(p, t) && t.cluster_m < 4) return;
      const bool may_stage = v.swap || t.tile_n % 16 == 0;
      if (is_long && !t.store && may_stage && (t.split_k == 1 || staged == 1))
        return;  // an epilogue that is worth its shared memory
      for (const int overlap : worthwhile_overlaps(p, t, device)) {
        t.overlap = static_cast<std::int16_t>(overlap);
        if (!rejects(p, t, device)) out.push_back(t);
      }
    };
    for (const int tile_k : {64, 128}) {
      if (tile_k == 128 && !skinny && (is_long || tiles > 2 * device.sm_count)) continue;
      t.tile_k = static_cast<std::int16_t>(tile_k);
      for (const int store : {0, staged}) {
        t.store = static_cast<std::int16_t>(store);
        const int most = std::min(max_stages(p, t, device), 16);
        if (p.align_a == 8 && p.align_b == 8 && tile_k == 64) {
          t.load = 1, t.stages = 4;  // a deeper ring leaves L1 too small
          for (const int raster : {0, 8}) {
            t.raster = static_cast<std::int16_t>(raster);
            if (!raster || v.rows > t.tile_m) add();
          }
          t.load = 0, t.raster = 0;
        }
        std::vector<int> depths{most};  // fewer stages than fit can be faster
        for (const int depth : {most / 2, 4, most - 1})
          if (depth >= (skinny ? 3 : most - 1) && depth < most &&
              std::find(depths.begin(), depths.end(), depth) == depths.end() && depths.size() < (store ? 3u : 2u))
            depths.push_back(depth);
        for (const int stages : depths) {
          t.stages = static_cast<std::int16_t>(stages);
          for (const auto& [cluster_m, cluster_n] : kClusters) {
            if (ceil_div(v.rows, t.tile_m) < cluster_m || ceil_div(v.columns, t.tile_n) < cluster_n) continue;
            if (cluster_m * cluster_n > 2 &&
                (stages < most || !store || v.pingpong || !worth_sharing(p, t, cluster_m, cluster_n, device)))
              continue;
            if (!skinny && !store && (cluster_m * cluster_n > 1 || (v.swap && p.m > kFewTokens))) continue;
            t.cluster_m = static_cast<std::int16_t>(cluster_m);
            t.cluster_n = static_cast<std::int16_t>(cluster_n);
            for (const int raster : {0, 8}) {
              const bool one_row = v.rows <= t.tile_m;
              if (raster ? one_row : !one_row && cluster_m * cluster_n > 1) continue;
              t.raster = static_cast<std::int16_t>(raster);
              add();
            }
            t.raster = 0;
            if (cluster_m * cluster_n > 1 || store == 2 || (!store && staged == 1 && !skinny)) continue;
            for (const int split : {2, 3, 4, 5, 6, 8}) {
              if (tiles * split > 2 * device.sm_count || p.k < 512 * split) break;
              t.split_k = static_cast<std::int16_t>(split);
              const int fit = std::min(most, max_stages(p, t, device));  // beside the pieces
              if (stages < most && (!skinny || stages >= fit)) continue;
              t.stages = static_cast<std::int16_t>(std::min(stages, fit));
              add();
            }
            t.split_k = 1, t.stages = static_cast<std::int16_t>(stages);
          }
        }
      }
    }
  }
};

}  // namespace

const Family& sm90_family() {
  static const auto& family = *new Sm90;  // never destroyed, as families() says
  return family;
}

}  // namespace ak
