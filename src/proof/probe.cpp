#include "proof/probe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/activation.hpp"
#include "proof/grids.hpp"

namespace ak {
namespace {

Strides strides_of(const Problem& p, const CallArgs& args) {
  const bool ak = p.a_major == Major::k, bk = p.b_major == Major::k;
  const auto& e = p.epilogue;
  return {ak ? args.a.ld : 1,
          ak ? 1 : args.a.ld,
          bk ? 1 : args.b.ld,
          bk ? args.b.ld : 1,
          static_cast<int>(p.in),
          static_cast<int>(e.out),
          static_cast<int>(e.bias_dtype),
          static_cast<int>(e.bias)};
}

Comparison comparison_of(const Problem& p, const ReferenceView& r, const Tolerance& tolerance) {
  const auto& e = p.epilogue;
  return {r, static_cast<int>(e.out), static_cast<int>(e.bias_dtype), static_cast<int>(e.bias), tolerance};
}

template <class... Args>
void launch(CUstream stream, CUfunction function, ProbeGrid grid, unsigned threads, Args... args) {
  void* parameters[] = {&args...};
  CUlaunchConfig config{};
  config.gridDimX = grid[0], config.gridDimY = grid[1], config.gridDimZ = grid[2];
  config.blockDimX = threads, config.blockDimY = 1, config.blockDimZ = 1;
  config.hStream = stream;
  check(driver().cuLaunchKernelEx(&config, function, parameters, nullptr), "launching a check");
}

void* start_of(std::uint64_t base, const Region& r) { return reinterpret_cast<void*>(base + r.begin); }

}  // namespace

Tolerance tolerance_of(const Problem& problem, double alpha) {
  Tolerance t;
  t.k = static_cast<double>(problem.k);
  t.alpha = alpha;
  return t;
}

void Probe::fill(CUstream stream, std::uint64_t base, const Region& r, Values values, float scale, std::uint64_t seed) const {
  if (!r.elements) return;
  launch(stream, resources_.support_kernel("ak_fill"), grid_over(r.rows, r.cols), kProbeThreads,
         reinterpret_cast<void*>(base + r.begin + r.first * size_of(r.type)), static_cast<long long>(r.rows),
         static_cast<long long>(r.cols), static_cast<long long>(r.ld), static_cast<int>(r.type), static_cast<int>(values),
         scale, static_cast<unsigned long long>(seed));
}

void Probe::poison(CUstream stream, std::uint64_t base, const Region& r, std::uint64_t seed) const {
  if (!r.elements) return;
  launch(stream, resources_.support_kernel("ak_poison"), grid_over(r.elements), kProbeThreads, start_of(base, r),
         static_cast<long long>(r.elements), static_cast<int>(r.type), static_cast<unsigned long long>(seed));
}

void Probe::check_guards(CUstream stream, std::uint64_t base, const Region& r, std::uint64_t seed, Finding* finding) const {
  const auto region = [&](std::int64_t first, std::int64_t rows, std::int64_t cols, std::int64_t ld) {
    if (rows < 1 || cols < 1) return;
    launch(stream, resources_.support_kernel("ak_check_poison"), grid_over(rows, cols), kProbeThreads, start_of(base, r),
           static_cast<long long>(first), static_cast<long long>(rows), static_cast<long long>(cols),
           static_cast<long long>(ld), static_cast<int>(r.type), static_cast<unsigned long long>(seed), &finding->broken);
  };
  region(0, 1, r.first, r.first);
  region(r.first + r.cols, r.rows - 1, r.ld - r.cols, r.ld);
  region(r.last(), 1, r.elements - r.last(), r.elements);
}

void Probe::hash(CUstream stream, std::uint64_t base, std::int64_t bytes, Finding* finding) const {
  launch(stream, resources_.support_kernel("ak_hash"), grid_over(bytes / 16), kProbeThreads, reinterpret_cast<void*>(base),
         static_cast<long long>(bytes / 16), &finding->hash);
}

void Probe::equal(CUstream stream, std::uint64_t x, std::uint64_t y, std::int64_t bytes, Finding* finding) const {
  launch(stream, resources_.support_kernel("ak_equal"), grid_over(bytes / 16), kProbeThreads, reinterpret_cast<void*>(x),
         reinterpret_cast<void*>(y), static_cast<long long>(bytes / 16), &finding->different);
}

void Probe::reference(CUstream stream, const Problem& p, const CallArgs& args, const ReferenceView& out) const {
  const Strides s = strides_of(p, args);
  const ProbeGrid tiles = grid_of_reference(p.m, p.n);
  const auto product = [&](const void* b, long long first_column) {
    KernelArgs half = kernel_args(args);
    half.b = b;
    launch(stream, resources_.support_kernel(p.in == DType::f16 ? "ak_reference_f16" : "ak_reference_bf16"), tiles, kProbeThreads, half,
           s, first_column, static_cast<long long>(p.wide_n()), out.pre);
  };
  const auto norms = [&](const void* x, std::int64_t outers, long long outer_stride, long long k_stride, const float* scale,
                         float* to) {
    launch(stream, resources_.support_kernel("ak_norms"), grid_over(k_stride == 1 ? outers * 32 : outers), kProbeThreads, x,
           static_cast<long long>(outers), static_cast<long long>(p.k), outer_stride, k_stride, s.in, scale, to);
  };
  norms(args.a.data, p.m, s.a_row, s.a_k, args.row_scale, out.row_norms);
  product(args.b.data, 0);
  norms(args.b.data, p.n, s.b_column, s.b_k, args.column_scale, out.column_norms);
  if (!p.epilogue.gated) return;
  product(args.b2.data, p.n);
  norms(args.b2.data, p.n, s.b_column, s.b_k, args.column_scale ? args.column_scale + p.n : nullptr, out.column_norms + p.n);
}

void Probe::sample(CUstream stream, const Problem& p, const CallArgs& args, const ReferenceView& reference, int samples,
                   std::uint64_t seed, Finding* finding) const {
  launch(stream, resources_.support_kernel("ak_sample_reference"), make_grid(samples), 128, kernel_args(args),
         strides_of(p, args), comparison_of(p, reference, tolerance_of(p, args.alpha)), static_cast<unsigned long long>(seed),
         &finding->wrong_samples);
}

void Probe::compare(CUstream stream, const Problem& p, const CallArgs& args, const ReferenceView& reference,
                    const Tolerance& tolerance, Finding* finding) const {
  const auto name = fmt::format("ak_compare_{}", identifier(p.epilogue.activation));
  launch(stream, resources_.activation_kernel(p.epilogue.activation, name), grid_over(p.m, p.n), kProbeThreads,
         kernel_args(args), comparison_of(p, reference, tolerance), finding);
}

}  // namespace ak
