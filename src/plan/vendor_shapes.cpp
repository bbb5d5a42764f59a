// What cuBLASLt is asked for, without asking it: epilogues, products, layouts.
#include <cublasLt.h>

#include <algorithm>
#include <type_traits>

#include "base/arithmetic.hpp"
#include "plan/vendor.hpp"

namespace ak {
namespace {

// Whether one matrix of B's alignment can hold the up's columns behind the gate's.
bool packable(const Problem& p) { return p.b_major == Major::k || p.n * size_of(p.in) % p.align_b == 0; }

// Of a panel: whole tiles where it has any, rows on 16 bytes of an A that is contiguous along m everywhere, whatever its type.
constexpr std::int64_t kPanelTile = 128, kPanelRows = 16 / std::min(size_of(DType::f16), size_of(DType::bf16));
constexpr std::int64_t kFloats = 16 / size_of(DType::f32);

}  // namespace

std::optional<int> vendor_epilogue(const Problem& p) {
  const EpilogueSpec& e = p.epilogue;
  if (e.gated || e.scaled()) return std::nullopt;
  if (e.bias == BiasAxis::row || (e.bias == BiasAxis::column && e.bias_dtype != e.out)) return std::nullopt;
  const bool bias = e.bias == BiasAxis::column;
  if (e.aux) {
    if (e.activation != Activation::gelu_tanh || e.out == DType::f32 || p.align_d < 16) return std::nullopt;
    return bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
  }
  switch (e.activation) {
    case Activation::identity:
      return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case Activation::relu:
      return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case Activation::gelu_tanh:
      return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default:
      return std::nullopt;
  }
}

Tactic vendor_tactic(int rank, VendorKind kind) {
  Tactic t;
  t.family = FamilyId::vendor;
  t.algo = static_cast<std::int16_t>(rank);
  t.separate = static_cast<std::int16_t>(kind);
  return t;
}

bool fused_rounds_once(const EpilogueSpec& e) {
  return e.bias == BiasAxis::none && (e.activation == Activation::identity || e.activation == Activation::relu);
}

bool vendor_offers(const Problem& p, VendorKind kind) {
  if (p.numerics != Numerics::fast) return false;  // in which order it sums is not known, and changes with its version
  const EpilogueSpec& e = p.epilogue;
  switch (kind) {
    case VendorKind::fused:
      return vendor_epilogue(p).has_value();
    case VendorKind::separate:
      if (e.gated) return packable(p);
      return e.activation != Activation::identity || e.bias != BiasAxis::none || e.aux || e.scaled() ||
             (e.out != p.in && e.out != DType::f32);
    case VendorKind::two_products:
      return e.gated;
  }
  return false;
}

std::int64_t panel_rows(std::int64_t rows, std::int64_t row_bytes, std::int64_t most_bytes) {
  const std::int64_t fit = most_bytes / row_bytes, unit = fit < kPanelTile ? kPanelRows : kPanelTile;
  return std::min(rows, std::max(fit / unit * unit, kPanelRows));
}

Panel panel_of(const Problem& problem, bool two) {
  const std::int64_t gate = round_up(problem.n, kFloats);
  if (!problem.epilogue.gated) return {gate, 0};
  return two ? Panel{2 * gate, gate} : Panel{round_up(2 * problem.n, kFloats), problem.n};
}

Problem vendor_product(const Problem& problem, VendorKind kind) {
  if (kind == VendorKind::fused) return problem;
  Problem p = problem;
  p.epilogue = {};
  p.epilogue.out = DType::f32, p.epilogue.unit_alpha = problem.epilogue.unit_alpha;
  p.align_c = p.align_d = 16;
  p.m = panel_rows(p.m, panel_of(problem, kind == VendorKind::two_products).row_bytes());
  if (problem.epilogue.gated && kind == VendorKind::separate) p.n *= 2;
  return p;
}

CallArgs rows_of(const Problem& problem, const CallArgs& args, std::int64_t first, std::int64_t count) {
  const EpilogueSpec& e = problem.epilogue;
  const auto behind = [](auto* p, std::int64_t elements, DType type) {
    using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(p)>>, const char, char>;
    return p ? static_cast<Byte*>(p) + elements * size_of(type) : nullptr;
  };
  CallArgs part = args;
  part.m = static_cast<int>(count);
  part.a.data = behind(args.a.data, problem.a_major == Major::k ? first * args.a.ld : first, problem.in);
  part.c.data = behind(args.c.data, first * args.c.ld, e.out);
  part.d.data = behind(args.d.data, first * args.d.ld, e.out);
  part.aux.data = behind(args.aux.data, first * args.aux.ld, e.out);
  if (e.bias == BiasAxis::row) part.bias = behind(args.bias, first, e.bias_dtype);
  if (args.row_scale) part.row_scale = args.row_scale + first;
  return part;
}

VendorLayouts vendor_layouts(const Problem& problem, const CallArgs& args) {
  const auto m = static_cast<std::uint64_t>(args.m), n = static_cast<std::uint64_t>(args.n),
             k = static_cast<std::uint64_t>(args.k);
  const bool a_k = problem.a_major == Major::k, b_k = problem.b_major == Major::k;
  VendorLayouts l;
  l.first = {problem.in, b_k ? k : n, b_k ? n : k, args.b.ld, b_k};
  l.second = {problem.in, a_k ? k : m, a_k ? m : k, args.a.ld, !a_k};
  l.d = {problem.epilogue.out, n, m, args.d.ld, false};
  l.c = l.d;
  if (problem.epilogue.has_c) l.c.ld = args.c.ld;
  return l;
}

CallArgs representative_args(const Problem& problem) {
  // The smallest ld of at least `extent` that the alignment divides, and, below 16 bytes, no larger one.
  const auto ld = [](std::int64_t extent, int align, DType dtype) {
    const std::int64_t step = std::max(1, align / size_of(dtype));
    std::int64_t value = round_up(extent, step);
    if (align < 16 && value * size_of(dtype) % (2 * align) == 0) value += step;
    return value;
  };
  CallArgs args{};
  args.m = static_cast<int>(problem.m), args.n = static_cast<int>(problem.n), args.k = static_cast<int>(problem.k);
  args.a.ld = ld(problem.a_major == Major::k ? problem.k : problem.m, problem.align_a, problem.in);
  args.b.ld = ld(problem.b_major == Major::k ? problem.k : problem.n, problem.align_b, problem.in);
  args.b2.ld = args.b.ld;
  args.c.ld = ld(problem.n, problem.align_c, problem.epilogue.out);
  args.d.ld = ld(problem.n, problem.align_d, problem.epilogue.out);
  args.aux.ld = ld(problem.wide_n(), problem.align_d, problem.epilogue.out);
  args.alpha = 1, args.beta = problem.epilogue.has_c ? 1 : 0;
  return args;
}

}  // namespace ak
