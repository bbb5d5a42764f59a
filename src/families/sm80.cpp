// sm80: cp.async, ldmatrix and mma.sync for any layout, size and alignment (kernels/sm80.cu).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/arithmetic.hpp"
#include "families/family.hpp"
#include "kernels/args.cuh"

namespace ak {
namespace {

constexpr std::string_view kSources[] = {"words.cuh",     "pack.cuh",          "ampere.cuh", "sm80_tile.cuh",
                                         "sm80_work.cuh", "sm80_epilogue.cuh", "sm80.cu"};
constexpr int kSplitCounters = kCounterBytes / 4 - 4;   // after the four that the cooperative schedule uses
constexpr std::int64_t kMaxExtent = 2147483647 - 1024;  // tile arithmetic stays inside int

int threads(const Tactic& t) { return 32 * t.warps_m * t.warps_n; }
int stage_bytes(const Problem& p, const Tactic& t) {
  return (t.tile_m + p.epilogue.gates() * t.tile_n) * t.tile_k * size_of(p.in);
}
std::int64_t tiles(const Problem& p, const Tactic& t) { return ceil_div(p.m, t.tile_m) * ceil_div(p.n, t.tile_n); }
bool shifted(int align) { return align < 4; }  // too little for cp.async: through registers

// The cooperative schedule copies operands of less than 16-byte alignment into aligned rows first.
bool packs(const Tactic& t) { return t.schedule == static_cast<int>(Schedule::cooperative); }
int read_align(int align, const Tactic& t) { return packs(t) ? 16 : align; }

// Bytes of the copy of an operand of rows x inner elements; 0 when it is read where it is.
std::int64_t pack_bytes(std::int64_t rows, std::int64_t inner, DType type, int align, const Tactic& t) {
  return packs(t) && align < 16 ? rows * packed_row_bytes(inner, size_of(type)) : 0;
}
std::int64_t pack_bytes_a(const Problem& p, const Tactic& t) {
  return p.a_major == Major::k ? pack_bytes(p.m, p.k, p.in, p.align_a, t) : pack_bytes(p.k, p.m, p.in, p.align_a, t);
}
std::int64_t pack_bytes_b(const Problem& p, const Tactic& t) {
  return p.epilogue.gates() *
         (p.b_major == Major::k ? pack_bytes(p.n, p.k, p.in, p.align_b, t) : pack_bytes(p.k, p.n, p.in, p.align_b, t));
}

int smem_bytes(const Problem& p, const Tactic& t) {
  const int slab = t.store ? t.warps_m * 16 * (p.epilogue.gates() * t.tile_n + 8) * 4 : 0;
  return std::max(t.stages * stage_bytes(p, t), slab);
}

// 32-bit words a thread holds for an operand's way to shared memory: two 16-byte words for each chunk that goes through
// registers, addresses for narrow copies.
int staging(int extent, int align, DType type, const Tactic& t) {
  const int chunks = static_cast<int>(ceil_div(extent * t.tile_k * size_of(type) / 16, threads(t)));
  return shifted(align) ? 8 * chunks + 8 : align == 16 ? 0 : std::min(24, chunks * 16 / align);
}

// What ptxas needs: accumulators, two sets of fragments, staging, addresses, the reduction's.
int registers(const Problem& p, const Tactic& t) {
  const int accumulators = p.epilogue.gates() * t.tile_m * t.tile_n / threads(t);
  const int fragments = t.tile_m / t.warps_m / 4 + p.epilogue.gates() * t.tile_n / t.warps_n / 4;
  return accumulators + 2 * fragments + staging(t.tile_m, read_align(p.align_a, t), p.in, t) +
         p.epilogue.gates() * staging(t.tile_n, read_align(p.align_b, t), p.in, t) + 40 + (t.split_k > 1 ? 16 : 0);
}

int resident(const Problem& p, const Tactic& t, const DeviceFacts& d) {
  const int by_smem = d.smem_per_sm / (smem_bytes(p, t) + 1024);
  const int by_registers = d.registers_per_sm / (std::min(255, (registers(p, t) + 15) / 8 * 8) * threads(t));
  return std::max(1, std::min({by_smem, by_registers, 2048 / threads(t)}));
}

// Dense f16 FLOP a clock of one SM through mma.sync with f32 accumulation.
double mma_flops(const DeviceFacts& d) {
  switch (d.compute_major) {
    case 8:
      return d.compute_minor == 0 ? 2048 * 0.9 : 512;
    case 9:
      return 4096 * 0.55;
    case 10:
      return 2048;
    default:
      return 512;
  }
}

class Sm80 final : public Family {
 public:
  FamilyId id() const override { return FamilyId::sm80; }
  std::span<const std::string_view> sources() const override { return kSources; }

  std::optional<std::string> refuses(const Problem& p, const DeviceFacts& d) const override {
    if (d.compute() < 80) return fmt::format("compute capability {}.{}: cp.async needs 8.0", d.compute_major, d.compute_minor);
    if (p.in == DType::f32) return "f32 inputs: mma.sync takes f16 or bf16";
    if (auto why = policy_refuses(p, FamilyId::sm80, d)) return why;
    if (p.batch != 1) return "batched problems are not served";
    if (p.m < 1 || p.n < 1 || p.k < 0) return "m and n must be positive";
    if (std::max({p.m, p.wide_n(), p.k}) > kMaxExtent) return "an extent near 2^31 overflows tile arithmetic";
    return std::nullopt;
  }

  std::optional<std::string> rejects(const Problem& p, const Tactic& t, const DeviceFacts& d) const override {
    if (auto why = refuses(p, d)) return why;
    if (t.family != FamilyId::sm80) return "not an sm80 tactic";
    if (t.overlap < 0 || t.overlap > 1) return "overlap is 0 or 1";
    if (!one_of(t.tile_m, {16, 32, 64, 128, 256})) return "tile_m must be 16, 32, 64, 128 or 256";
    if (!one_of(t.tile_n, {32, 64, 96, 128, 160, 192, 256})) return "tile_n must be 32, 64, 96, 128, 160, 192 or 256";
    if (!one_of(t.tile_k, {32, 64})) return "tile_k must be 32 or 64: one stage row is 64 or 128 bytes";
    if (t.tile_n % 64 && t.tile_n != 32 && p.b_major == Major::mn)
      return "tile_n=96 and 160 need B contiguous along k: the swizzle works on eight chunks of a row";
    if (t.stages < 2 || t.stages > 6) return "stages must be 2 to 6";
    if (!one_of(t.warps_m, {1, 2, 4, 8})) return "warps_m must be 1, 2, 4 or 8";
    if (!one_of(t.warps_n, {1, 2, 4, 8})) return "warps_n must be 1, 2, 4 or 8";
    if (t.warps_m * t.warps_n > 16) return "warps_m x warps_n must be at most 16 (512 threads)";
    if (t.tile_m % (16 * t.warps_m)) return "tile_m must be a multiple of 16 x warps_m: an mma block has 16 rows";
    if (t.tile_n % (16 * t.warps_n))
      return "tile_n must be a multiple of 16 x warps_n: ldmatrix loads two mma blocks of 8 columns";
    if (t.raster < 0 || t.raster > 64) return "raster must be 0 to 64";
    if (!one_of(t.store, {0, 1})) return "store must be 0 or 1";
    if (!one_of(t.schedule, {0, 1})) return "schedule must be basic or cooperative";
    if (packs(t) && p.align_a == 16 && p.align_b == 16)
      return "schedule=cooperative has nothing to copy: both operands are aligned";
    if (packs(t) && p.k == 0) return "schedule=cooperative has nothing to copy: k is 0";
    if (auto why = foreign_knobs(t)) return why;
    const int accumulators = p.epilogue.gates() * t.tile_m * t.tile_n / threads(t);
    if (accumulators > 128) return fmt::format("{} accumulators a thread; more than 128 spill", accumulators);
    const int need = registers(p, t), have = std::min(240, d.registers_per_sm / threads(t));
    if (need > have) return fmt::format("about {} registers a thread of {}", need, have);
    if (smem_bytes(p, t) + 64 > d.smem_per_block)
      return fmt::format("{} bytes of shared memory; a CTA has {}", smem_bytes(p, t) + 64, d.smem_per_block);
    if (tiles(p, t) > 2147483647 / t.tile_n) return "too many tiles for one launch";
    if (std::max<std::int64_t>(1, t.raster) * ceil_div(p.n, t.tile_n) > 2147483647)
      return fmt::format("raster={}: a group of that many rows of tiles has more than 2^31 - 1", t.raster);
    if (auto why = rejects_split(p, t)) return why;
    return policy_rejects(p, order(p, t), d);
  }

  void enumerate(const Problem& p, const DeviceFacts& d, std::vector<Tactic>& out) const override {
    struct Shape {
      std::int16_t m, n, warps_m, warps_n;
    };
    static constexpr Shape shapes[] = {
        {16, 32, 1, 2},   {16, 64, 1, 2},   {16, 64, 1, 4},   {16, 128, 1, 4},  {16, 128, 1, 8},  {16, 256, 1, 4},
        {16, 256, 1, 8},  {32, 32, 2, 2},   {32, 64, 1, 4},   {32, 64, 2, 2},   {32, 128, 1, 4},  {32, 128, 2, 4},
        {32, 256, 1, 4},  {32, 256, 1, 8},  {64, 32, 4, 1},   {64, 64, 2, 2},   {64, 64, 2, 4},   {64, 96, 2, 2},
        {64, 128, 2, 2},  {64, 128, 2, 4},  {64, 192, 2, 4},  {64, 256, 1, 4},  {64, 256, 2, 4},  {128, 32, 4, 1},
        {128, 64, 2, 2},  {128, 64, 4, 2},  {128, 96, 4, 2},  {128, 128, 2, 2}, {128, 128, 2, 4}, {128, 128, 4, 2},
        {128, 160, 4, 2}, {128, 192, 2, 4}, {128, 256, 2, 4}, {256, 64, 4, 1},  {256, 64, 4, 2},  {256, 128, 4, 2},
    };
    if (refuses(p, d)) return;
    for (const Shape& shape : shapes) {
      if (shape.m > 16 && shape.m >= 2 * p.m) continue;  // half the tile or more would be padding
      if (shape.n > 32 && shape.n >= 2 * p.n) continue;
      Tactic t;
      t.family = FamilyId::sm80;
      t.tile_m = shape.m, t.tile_n = shape.n, t.warps_m = shape.warps_m, t.warps_n = shape.warps_n;
      for (const std::int16_t schedule : {0, 1})
        for (const std::int16_t tile_k : {32, 64})
          for (const std::int16_t stages : {2, 3, 4, 6})
            for (const std::int16_t split : {1, 2, 3, 4, 6, 8, 12, 16})
              for (const std::int16_t raster : {0, 8}) {
                const bool through_registers = !schedule && (shifted(p.align_a) || shifted(p.align_b));
                t.schedule = schedule, t.tile_k = tile_k, t.stages = stages, t.split_k = split, t.raster = raster;
                if (through_registers ? stages > 3 : stages < 3) continue;
                if (raster && (ceil_div(p.m, t.tile_m) < 4 || tiles(p, t) < 2 * d.sm_count)) continue;  // no order to choose
                if (split > 1 && (split - 1) * tiles(p, t) >= 2 * d.sm_count) continue;  // the grid is full without
                for (const std::int16_t store : {0, 1}) {
                  t.store = store;
                  if (!rejects(p, t, d)) out.push_back(t);
                }
              }
    }
  }

  // The longest of three clocks: the tensor pipe and shared memory of the busiest SM, and memory; plus what nothing hides.
  double cost_us(const Problem& p, const Tactic& t, const DeviceFacts& d) const override {
    const double clock = d.clock_ghz * 1e3 * 0.9;  // MHz under load
    const double steps = ceil_div(ceil_div(p.k, t.tile_k), t.split_k);
    const double ctas = static_cast<double>(tiles(p, t)) * t.split_k;
    const double slots = static_cast<double>(resident(p, t, d)) * d.sm_count;
    const double waves = std::ceil(ctas / slots), per_sm = std::ceil(ctas / d.sm_count);
    const int warps = t.warps_m * t.warps_n;

    // One stage of one CTA, in clocks of an SM it has to itself.
    const int width = p.epilogue.gates() * t.tile_n;
    const double tensor = 2.0 * t.tile_m * width * t.tile_k / mma_flops(d);
    const double element_bytes = size_of(p.in);
    const double fragments = element_bytes * t.tile_k * (t.tile_m * t.warps_n + width * t.warps_m) / 128;
    const auto fill = [&](int extent, int align) {
      const double bytes = element_bytes * extent * t.tile_k;
      align = read_align(align, t);
      return shifted(align) ? bytes * 8 / 128 : bytes / (align == 4 ? 48 : align == 8 ? 96 : 128);
    };
    const double shared = fragments + fill(t.tile_m, p.align_a) + fill(width, p.align_b);
    const double busy = std::max(tensor, shared) + 0.15 * std::min(tensor, shared);
    // A stage's load latency is spread over the stages in flight; a barrier and few warps leave gaps.
    const bool through_registers = shifted(read_align(p.align_a, t)) || shifted(read_align(p.align_b, t));
    const double latency = through_registers ? 900.0 : 1000.0 / (t.stages - 1) + 60;
    const double alone = std::max(tensor * 4.0 / std::min(4, warps), busy);
    const double throughput = per_sm * steps * busy;
    const double serial = waves * steps * std::max(alone, latency);
    const double stored = static_cast<double>(t.tile_m) * (t.tile_n + (p.epilogue.aux ? width : 0));
    const double epilogue = per_sm * stored * (t.store ? 0.10 : p.align_d < 4 ? 0.35 : 0.15);
    const double sm_us = (std::max(throughput, serial) + epilogue + waves * 1500) / clock;

    const double l2_bytes = ctas * (t.tile_m + width) * steps * t.tile_k * element_bytes;
    const double in_flight =
        std::min(1.0, std::min(ctas, slots) * stage_bytes(p, t) * std::max(1, t.stages - 1) / (32768.0 * d.sm_count));
    const double memory_us = p.bytes() / (d.memory_tb_s * 1e6 * 0.95 * in_flight);
    const double l2_us = l2_bytes / (5.5e6 * d.sm_count / 132);
    double us = 2.7 + std::max({sm_us, memory_us, l2_us});
    if (t.split_k > 1) us += 1.2 + 8.0 * t.split_k * static_cast<double>(p.m) * p.wide_n() / 3e6;
    if (packs(t)) us += 4.5 + 2.0 * (pack_bytes_a(p, t) + pack_bytes_b(p, t)) / (d.memory_tb_s * 0.5e6);
    return us;
  }

  // As sm90's, by mma.sync: one accumulator an element, k from its beginning to its end in steps of sixteen (kernels/sm80.cu).
  SumOrder order(const Problem& p, const Tactic& t) const override {
    const std::int64_t stages = ceil_div(p.k, std::int64_t{t.tile_k});
    return {FamilyId::sm80, stages * t.tile_k, ceil_div(stages, std::int64_t{t.split_k}) * t.tile_k, 1};
  }

  Geometry geometry(const Problem& p, const Tactic& t, const DeviceFacts& d) const override {
    const auto multiplies = tiles(p, t) * t.split_k;
    const std::int64_t packed = pack_bytes_a(p, t) + pack_bytes_b(p, t);
    Geometry g;
    g.threads = static_cast<std::uint32_t>(threads(t));
    g.smem_bytes = static_cast<std::uint32_t>(smem_bytes(p, t));
    if (packs(t)) {
      // A warp copies some KiB of a row at a time; as many CTAs copy as fit on the GPU.
      const auto copies =
          std::clamp<std::int64_t>(packed / (4096 * t.warps_m * t.warps_n), 1, std::int64_t{d.sm_count} * resident(p, t, d));
      g.grid = make_grid(copies + multiplies);
    } else {
      g.grid = make_grid(tiles(p, t), t.split_k);
    }
    if (packs(t) || t.split_k > 1)
      g.workspace_bytes =
          kCounterBytes + packed + (t.split_k > 1 ? multiplies * p.epilogue.gates() * t.tile_m * t.tile_n * 4 : 0);
    return g;
  }

 private:
  static std::optional<std::string> rejects_split(const Problem& p, const Tactic& t) {
    if (t.split_k < 1 || t.split_k > 32) return "split_k must be 1 to 32";
    if (t.split_k == 1) return std::nullopt;
    const auto stages = ceil_div(p.k, t.tile_k);
    if ((t.split_k - 1) * ceil_div(stages, t.split_k) >= stages)
      return fmt::format("split_k={} leaves a slice of k empty: k has {} stages", t.split_k, stages);
    if (tiles(p, t) > kSplitCounters) return fmt::format("split_k > 1 has counters for {} tiles", kSplitCounters);
    return std::nullopt;
  }
};

}  // namespace

const Family& sm80_family() {
  static const auto& instance = *new Sm80;  // never destroyed, as families() says
  return instance;
}

}  // namespace ak
