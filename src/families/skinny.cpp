// skinny: at most 8 rows of A; B streams once through plain loads (kernels/skinny.cu).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/arithmetic.hpp"
#include "families/family.hpp"
#include "kernels/args.cuh"

namespace ak {
namespace {

constexpr std::string_view kSources[] = {"words.cuh", "ampere.cuh", "skinny.cu"};
constexpr int kMaxRows = 8, kRunBytes = 16;
constexpr std::int64_t kMaxExtent = 2147483647 - 65536;  // run arithmetic stays inside int

int threads(const Tactic& t) { return 32 * t.warps_m * t.warps_n; }
int smem_bytes(const Problem& p, const Tactic& t) { return t.warps_m * p.epilogue.gates() * t.tile_m * t.tile_n * 4; }
// From one column of a CTA to its next: rows of B that start at the same byte of an aligned 16-byte word.
int stride(const Problem& p) { return p.b_major == Major::k ? 16 / p.align_b : 1; }
std::int64_t ctas(const Problem& p, const Tactic& t) { return ceil_div(p.n, t.tile_n * stride(p)) * stride(p); }

int run_elements(const Problem& p) { return kRunBytes / size_of(p.in); }

// Runs that a lane has in flight.
int runs(const Problem& p, const Tactic& t) {
  return p.epilogue.gates() * t.unroll * (p.b_major == Major::k ? t.tile_n / t.warps_n : 1);
}

int registers(const Problem& p, const Tactic& t) {
  const int gates = p.epilogue.gates();
  if (p.b_major == Major::k) {
    const int rows = gates * t.tile_n / t.warps_n;
    const int gathered = p.a_major == Major::k ? 0 : 6 * t.tile_m * (stride(p) > 1 ? gates : 1);  // A element by element
    return 4 * runs(p, t) + 4 * t.unroll + (2 * t.tile_m + 8) * rows + 8 * t.tile_m + 10 + gathered;
  }
  return runs(p, t) * (p.align_b == 16 ? 4 : 8) + 8 * t.tile_m * gates + 96;
}

int resident(const Problem& p, const Tactic& t, const DeviceFacts& d) {
  const int by_smem = d.smem_per_sm / (smem_bytes(p, t) + 1024);
  const int by_registers = d.registers_per_sm / (std::min(255, (registers(p, t) + 7) / 8 * 8) * threads(t));
  return std::max(1, std::min({by_smem, by_registers, 2048 / threads(t), 32}));
}

class Skinny final : public Family {
 public:
  FamilyId id() const override { return FamilyId::skinny; }
  std::span<const std::string_view> sources() const override { return kSources; }

  std::optional<std::string> refuses(const Problem& p, const DeviceFacts& d) const override {
    if (d.compute() < 80) return fmt::format("compute capability {}.{}: skinny needs 8.0", d.compute_major, d.compute_minor);
    if (p.in == DType::f32) return "f32 inputs: skinny takes f16 or bf16";
    if (auto why = policy_refuses(p, FamilyId::skinny, d)) return why;
    if (p.batch != 1) return "batched problems are not served";
    if (p.m < 1 || p.n < 1 || p.k < 0) return "m and n must be positive";
    if (p.m > kMaxRows) return fmt::format("m={}: beyond {} rows the FMAs take longer than the memory", p.m, kMaxRows);
    if (std::max(p.wide_n(), p.k) > kMaxExtent) return "an extent near 2^31 overflows run arithmetic";
    return std::nullopt;
  }

  std::optional<std::string> rejects(const Problem& p, const Tactic& t, const DeviceFacts& d) const override {
    if (auto why = refuses(p, d)) return why;
    if (t.family != FamilyId::skinny) return "not a skinny tactic";
    if (t.overlap < 0 || t.overlap > 3 || t.overlap == 2) return "overlap is 0, 1 or 3";
    if (t.overlap == 3 && p.b_major != Major::k) return "overlap=3 fetches rows of B that are contiguous along k";
    if (!one_of(t.tile_m, {1, 2, 4, 8})) return "tile_m must be 1, 2, 4 or 8";
    if (p.m > t.tile_m) return fmt::format("tile_m={} must hold all m={} rows", t.tile_m, p.m);
    if (!one_of(t.unroll, {1, 2, 3, 4, 8})) return "unroll must be 1, 2, 3, 4 or 8";
    if (!one_of(t.warps_m, {1, 2, 4, 8})) return "warps_m (warps that share k) must be 1, 2, 4 or 8";
    if (!one_of(t.warps_n, {1, 2, 4, 8, 16})) return "warps_n must be 1, 2, 4, 8 or 16";
    if (t.warps_m * t.warps_n > 16) return "warps_m x warps_n must be at most 16 (512 threads)";
    if (p.b_major == Major::k) {
      if (t.tile_n < 1 || t.tile_n % t.warps_n || !one_of(t.tile_n / t.warps_n, {1, 2, 4}))
        return "tile_n must be 1, 2 or 4 rows of B for each of warps_n warps";
    } else {
      if (!one_of(t.tile_n, {32, 64, 128, 256})) return "tile_n must be 32, 64, 128 or 256 when B is contiguous along n";
      if (t.warps_n != 1) return "warps_n must be 1 when B is contiguous along n: all warps share k";
    }
    if (auto why = foreign_knobs(t)) return why;
    if (const int need = registers(p, t), have = std::min(240, d.registers_per_sm / threads(t)); need > have)
      return fmt::format("about {} registers a thread of {}", need, have);
    if (smem_bytes(p, t) + 64 > d.smem_per_block)
      return fmt::format("{} bytes of shared memory; a CTA has {}", smem_bytes(p, t) + 64, d.smem_per_block);
    return rejects_split(p, t);
  }

  void enumerate(const Problem& p, const DeviceFacts& d, std::vector<Tactic>& out) const override {
    if (refuses(p, d)) return;
    Tactic t;
    t.family = FamilyId::skinny;
    for (t.tile_m = 1; t.tile_m < p.m;) t.tile_m *= 2;
    const auto with_splits = [&] {
      for (const std::int16_t split : {1, 2, 4, 8, 16}) {
        t.split_k = split;
        if (split > 1 && (split - 1) * ctas(p, t) >= resident(p, t, d) * d.sm_count) break;  // the grid is full without
        for (const std::int16_t overlap : {3, 1, 0}) {
          t.overlap = overlap;
          if ((d.compute() >= 90 || !overlap) && !rejects(p, t, d)) out.push_back(t);
        }
      }
    };
    for (const std::int16_t unroll : {1, 2, 3, 4, 8}) {
      t.unroll = unroll;
      for (const std::int16_t warps_m : {1, 2, 4, 8}) {
        t.warps_m = warps_m;
        if (p.b_major == Major::k) {
          if (warps_m > 1 && 256 * (warps_m - 1) * unroll >= p.k) continue;  // warps without work
          for (const std::int16_t warps_n : {1, 2, 4, 8})
            for (const std::int16_t rows : {1, 2, 4}) {
              t.warps_n = warps_n, t.tile_n = static_cast<std::int16_t>(warps_n * rows);
              const int warps = t.warps_m * t.warps_n;
              if (warps >= 4 && warps <= 8 && runs(p, t) <= 8) with_splits();
            }
        } else {
          for (const std::int16_t tile_n : {32, 64, 128, 256}) {
            t.warps_n = 1, t.tile_n = tile_n;
            if (warps_m >= 4) with_splits();
          }
        }
      }
    }
  }

  // Memory-bound: bytes over the bandwidth that the bytes in flight can draw, or the FMAs, plus launch, tail and reduction.
  double cost_us(const Problem& p, const Tactic& t, const DeviceFacts& d) const override {
    const double grid = static_cast<double>(ctas(p, t)) * t.split_k;
    const double slots = static_cast<double>(resident(p, t, d)) * d.sm_count;
    const double running = std::min(grid, slots);
    const double run = run_elements(p);
    const double deep =
        std::min<double>(t.unroll, std::max(1.0, p.k / run / (t.warps_m * 32.0) / t.split_k));  // a short k fills no more
    const double row_bytes = static_cast<double>(kRunBytes) * runs(p, t) / t.unroll * deep;
    const double in_flight = running / d.sm_count * threads(t) * row_bytes;
    const double drawn = in_flight / (in_flight + 1536);  // the start and the end of every CTA
    const double balance = grid <= slots ? std::ceil(grid / d.sm_count) * d.sm_count / grid : 1.0 + 0.5 * d.sm_count / grid;
    const double turns = std::max<double>(1, p.k) / run / (t.warps_m * 32) / t.split_k / t.unroll;
    const double idle = p.b_major == Major::k ? std::ceil(turns) / turns - 1 : 0;  // lanes in a row's last turn
    const double weight_bytes = static_cast<double>(size_of(p.in)) * p.wide_n() * p.k;
    const double memory_us = std::max(p.bytes() / (d.memory_tb_s * 1e6 * 1.03 * drawn),
                                      weight_bytes / (d.memory_tb_s * 1e6) * std::min(balance, 2.0));

    const double clock = d.clock_ghz * 1e3 * 0.95;
    const double rows = p.b_major == Major::k ? p.epilogue.gates() * t.tile_n / t.warps_n : 4;
    const bool shifts_a = p.align_a < 8 || (p.b_major == Major::k && p.align_b < 8);
    const double per_run = run * t.tile_m + 8 + 10.0 * t.tile_m / rows + (p.b_major == Major::k || p.align_b >= 8 ? 4 : 24);
    const double shift = shifts_a ? 60 * t.tile_m / (rows * rows) : 0;  // two reads of A hang on each other's registers
    const double run_us = static_cast<double>(p.wide_n()) * p.k / run / 32 / (4.0 * d.sm_count * clock) / 0.8;
    double us = 2.1 + std::max(memory_us * (1 + 0.3 * idle), run_us * per_run) + run_us * shift + 0.03 * t.warps_m * t.tile_m;
    // The next kernel's CTAs take what room there is: those of a small grid crowd on the SMs that are done first.
    if (t.overlap == 1) us += -0.25 + 0.15 * memory_us * std::max(0.0, 1 - grid / slots);
    if (t.overlap == 3) us += -0.9 + 0.05 * memory_us * std::max(0.0, 1 - grid / slots);
    if (t.split_k > 1) us += 1.0 + 0.05 * t.split_k;
    return us;
  }

  // The lanes of warps_m warps (where B is contiguous along n: the warps) take runs of k in turn, and their sums meet in a tree
  // (kernels/skinny.cu). Never a policy's order: runs begin at a row's first 16-byte boundary, wherever that is.
  SumOrder order(const Problem& p, const Tactic& t) const override {
    const std::int64_t run = p.b_major == Major::k ? run_elements(p) : 1;
    const std::int64_t slice = ceil_div(ceil_div(p.k, run), std::int64_t{t.split_k}) * run;
    const std::int64_t lanes = std::int64_t{t.warps_m} * (p.b_major == Major::k ? 32 : 1);
    return {FamilyId::skinny, p.k, t.split_k > 1 ? slice : p.k, lanes};
  }

  Geometry geometry(const Problem& p, const Tactic& t, const DeviceFacts&) const override {
    Geometry g;
    g.grid = make_grid(ctas(p, t), t.split_k);
    g.threads = static_cast<std::uint32_t>(threads(t));
    g.smem_bytes = static_cast<std::uint32_t>(smem_bytes(p, t));
    if (t.split_k > 1)
      g.workspace_bytes = kCounterBytes + ctas(p, t) * t.split_k * p.epilogue.gates() * t.tile_m * t.tile_n * 4;
    return g;
  }

 private:
  static std::optional<std::string> rejects_split(const Problem& p, const Tactic& t) {
    if (t.split_k < 1 || t.split_k > 32) return "split_k must be 1 to 32";
    if (t.split_k == 1) return std::nullopt;
    const auto parts = p.b_major == Major::k ? ceil_div(p.k, run_elements(p)) : p.k;
    if ((t.split_k - 1) * ceil_div(parts, t.split_k) >= parts)
      return fmt::format("split_k={} leaves a slice of k={} empty", t.split_k, p.k);
    if (ctas(p, t) > kCounterBytes / 4) return fmt::format("split_k > 1 has counters for {} CTAs along n", kCounterBytes / 4);
    return std::nullopt;
  }
};

}  // namespace

const Family& skinny_family() {
  static const auto& instance = *new Skinny;  // never destroyed, as families() says
  return instance;
}

}  // namespace ak
