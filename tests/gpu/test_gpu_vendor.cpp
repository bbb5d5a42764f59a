// cuBLASLt as a plan against fp64 products: both kinds, all layouts and types, odd sizes, under capture.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "../allocations.hpp"
#include "core/activation.hpp"
#include "device_matrix.hpp"
#include "plan/vendor.hpp"

using namespace ak;
using test::DeviceMatrix;

namespace {

struct Operands {
  Problem p;
  DeviceMatrix a, b, b2, c, d, aux, bias, row_scale, column_scale;
  CallArgs args{};
  const bool apart;  // gated: B and the up are two matrices

  Operands(const Problem& problem, unsigned seed, std::int64_t bias_offset = 0, bool apart = true)
      : p(problem),
        a(p.a_major == Major::k ? p.m : p.k, p.a_major == Major::k ? p.k : p.m, p.in, representative_args(p).a.ld,
          offset(p.align_a)),
        b(p.b_major == Major::k ? columns(p, apart) : p.k, p.b_major == Major::k ? p.k : columns(p, apart), p.in,
          representative_args(wide(p, apart)).b.ld, offset(p.align_b)),
        b2(p.b_major == Major::k ? p.n : p.k, p.b_major == Major::k ? p.k : p.n, p.in, representative_args(p).b.ld,
           offset(p.align_b)),
        c(p.m, p.n, p.epilogue.out, representative_args(p).c.ld, offset(p.align_c)),
        d(p.m, p.n, p.epilogue.out, representative_args(p).d.ld, offset(p.align_d)),
        aux(p.m, p.wide_n(), p.epilogue.out, representative_args(p).aux.ld, offset(p.align_d)),
        bias(1, p.epilogue.bias == BiasAxis::row ? p.m : p.wide_n(), p.epilogue.bias_dtype, 0, bias_offset),
        row_scale(1, p.m, DType::f32),
        column_scale(1, p.wide_n(), DType::f32),
        apart(apart) {
    a.random(seed), b.random(seed + 1), c.random(seed + 2), bias.random(seed + 3), d.fill(std::nan(""));
    b2.random(seed + 4), aux.fill(std::nan("")), row_scale.random(seed + 5), column_scale.random(seed + 6);
    args = representative_args(p);
    args.b.ld = args.b2.ld = b.ld();
    const EpilogueSpec& e = p.epilogue;
    if (e.gated)
      args.b2.data =
          apart ? b2.data() : static_cast<char*>(b.data()) + (p.b_major == Major::k ? p.n * b.ld() : p.n) * size_of(p.in);
    if (e.aux) args.aux.data = aux.data();
    if (e.row_scale) args.row_scale = static_cast<const float*>(row_scale.data());
    if (e.column_scale) args.column_scale = static_cast<const float*>(column_scale.data());
    args.a.data = a.data(), args.b.data = b.data(), args.c.data = p.epilogue.has_c ? c.data() : nullptr, args.d.data = d.data();
    args.bias = p.epilogue.bias == BiasAxis::none ? nullptr : bias.data();
    args.alpha = p.epilogue.unit_alpha ? 1.0f : 0.5f, args.beta = p.epilogue.has_c ? -0.75f : 0.0f, args.slope = 0.25f;
  }

  int wrong() {
    d.download(), aux.download();
    const auto& e = p.epilogue;
    int count = (d.damaged() != 0) + (aux.damaged() != 0);
    for (std::int64_t i = 0; i < p.m; ++i)
      for (std::int64_t j = 0; j < p.n; ++j) {
        double linear[2] = {0, 1}, off[2] = {};  // gate and up, and by what their f32 sums may be off
        for (int half = 0; half < (e.gated ? 2 : 1); ++half) {
          const DeviceMatrix& from = half && apart ? b2 : b;
          const std::int64_t column = half * p.n + j, at = half && !apart ? p.n + j : j;
          double sum = 0, size = 0;
          for (std::int64_t l = 0; l < p.k; ++l) {
            const double term =
                (p.a_major == Major::k ? a.at(i, l) : a.at(l, i)) * (p.b_major == Major::k ? from.at(at, l) : from.at(l, at));
            sum += term, size += std::abs(term);
          }
          const double scale = (e.row_scale ? row_scale.at(0, i) : 1) * (e.column_scale ? column_scale.at(0, column) : 1);
          const double extra_c = e.has_c ? args.beta * c.at(i, j) : 0;
          const double extra_bias = e.bias == BiasAxis::none ? 0 : bias.at(0, e.bias == BiasAxis::row ? i : column);
          linear[half] = args.alpha * scale * sum + extra_c + extra_bias;
          off[half] =
              0x1p-22 * (std::abs(args.alpha * scale) * size + std::abs(extra_c) + std::abs(extra_bias)) + test::tiny(e.out);
          const double stored = off[half] + test::epsilon(e.out) * 1.01 * (std::abs(linear[half]) + off[half]);
          if (e.aux && !(std::abs(aux.at(i, column) - linear[half]) <= stored) && ++count == 1)
            MESSAGE("aux at ", i, ",", column, " got ", aux.at(i, column), " want ", linear[half]);
        }
        const double pre = linear[0], gate = activate(e.activation, pre, args.slope), want = gate * linear[1], got = d.at(i, j);
        // A slope is at most 2 + 2|x|; cuBLASLt's gelu uses the tensor pipe's tanh.
        const double gelu = e.activation == Activation::gelu_tanh ? 0x1p-10 * std::abs(pre) : 0;
        const double slope = e.activation == Activation::relu_squared ? 2 + 2 * std::abs(pre) : 1.2;
        // 2^-18: our exp and tanh.
        const double bound = test::epsilon(e.out) * 1.01 * std::abs(want) +
                             (slope * off[0] + gelu + 0x1p-18 * std::abs(gate)) * (std::abs(linear[1]) + off[1]) +
                             std::abs(gate) * off[1] + 2 * test::tiny(e.out);
        if (!(std::abs(got - want) <= bound) && ++count == 1)
          MESSAGE("at ", i, ",", j, " got ", got, " want ", want, " bound ", bound);
      }
    return count;
  }

 private:
  static std::int64_t columns(const Problem& p, bool apart) { return p.epilogue.gated && !apart ? 2 * p.n : p.n; }
  static Problem wide(Problem p, bool apart) {
    p.n = columns(p, apart);
    return p;
  }
  static std::int64_t offset(int align) { return align == 16 ? 0 : align; }
};

}  // namespace

TEST_CASE("a miss during a global-mode capture is served: heuristic, scratch and launch") {
  // First in this file on purpose: no handle, no scratch and no loaded kernel exist yet.
  const OwnedStream stream = OwnedStream::make();
  Operands o(parse_problem("64x96x4096 silu bias=column"), 5);
  std::shared_ptr<VendorPlan> plan;
  const Graph graph = Graph::capture(
      stream.get(),
      [&](CUstream s) {
        plan = VendorPlan::fallback(resources(), o.p);
        plan->launch(s, o.args);
      },
      CU_STREAM_CAPTURE_MODE_GLOBAL);
  for (int i = 0; i < 2; ++i) {
    o.d.fill(std::nan(""));
    graph.launch(stream.get());
    stream.synchronize();
    CHECK(o.wrong() == 0);
  }
}

TEST_CASE("cuBLASLt's plans are right, fused and separate") {
  const char* sizes[] = {"16x32x64", "17x33x65", "1x128x96", "64x1x32", "40x72x264", "5x7x3"};
  const char* epilogues[] = {"identity",
                             "relu",
                             "relu bias=column",
                             "gelu_tanh bias=column",
                             "silu",
                             "silu bias=row:f32",
                             "relu bias=column c",
                             "mish bias=column:f32 c alpha",
                             "identity bias=column alpha",
                             "identity c alpha"};
  std::map<std::string, int> served, refused;
  int reduced = 0, early = 0;
  unsigned seed = 0;
  for (const char* size : sizes)
    for (const Major a : {Major::k, Major::mn})
      for (const Major b : {Major::k, Major::mn})
        for (const DType in : {DType::f16, DType::bf16})
          for (const DType out : {DType::f16, DType::bf16, DType::f32})
            for (const char* epilogue : epilogues) {
              ++seed;
              Problem p = parse_problem(std::string(size) + " " + epilogue);
              p.in = in, p.a_major = a, p.b_major = b, p.epilogue.out = out;
              if (p.epilogue.bias == BiasAxis::column && p.epilogue.bias_dtype == DType::bf16) p.epilogue.bias_dtype = out;
              const int align = 2 << seed % 4;
              p.align_a = p.align_b = static_cast<std::uint8_t>(align);
              p.align_c = p.align_d = static_cast<std::uint8_t>(std::max(align, size_of(out)));
              if (!p.epilogue.has_c) p.align_c = 16;
              for (const VendorKind kind : {VendorKind::fused, VendorKind::separate}) {
                if (!vendor_offers(p, kind)) continue;
                CAPTURE(to_string(p));
                const auto algos = vendor_heuristics(resources(), p, kind);
                const std::string group = std::string(name(in)) + "->" + std::string(name(out)) +
                                          (kind == VendorKind::fused ? " fused " : " separate ") + epilogue;
                (algos.empty() ? refused : served)[group] += 1;
                for (const std::size_t rank : {std::size_t{0}, seed % std::max<std::size_t>(algos.size(), 1)}) {
                  if (rank >= algos.size()) continue;
                  if (algos[rank].reduced) {  // legitimately less accurate than f32 accumulation
                    ++reduced;
                    continue;
                  }
                  Operands o(p, seed);
                  CAPTURE(rank);
                  const VendorPlan plan(resources(), p, vendor_tactic(static_cast<int>(rank), kind), algos[rank]);
                  plan.launch(nullptr, o.args);
                  if (kind == VendorKind::fused && !fused_rounds_once(p.epilogue))
                    early += o.wrong() > 0;
                  else
                    CHECK(o.wrong() == 0);
                }
              }
            }
  int total = 0;
  for (const auto& [group, count] : served) total += count;
  MESSAGE(total, " problems served, ", reduced, " algorithms skipped for reduced accumulation, ", early, " fused ones round the sum early");
  CHECK(total > 1000);
  // Only what is fused is refused, where it changes between the 16-bit types.
  for (const auto& [group, count] : refused) {
    CAPTURE(group);
    CHECK((group.starts_with("f16->bf16 fused") || group.starts_with("bf16->f16 fused")));
  }
}

TEST_CASE("cuBLASLt's plans are right with gate, aux and scales, gate and up side by side or apart") {
  const char* sizes[] = {"16x32x64", "17x40x72", "3x33x65", "64x8x32"};
  const char* epilogues[] = {"silu gated",
                             "gelu_erf gated bias=column alpha",
                             "relu gated bias=column:f32 aux",
                             "silu gated aux",
                             "silu gated aux bias=column",
                             "silu gated scale=both bias=column aux",
                             "silu gated scale=row",
                             "gelu_tanh aux bias=column",
                             "gelu_tanh aux",
                             "gelu_tanh aux bias=column c alpha",
                             "mish aux bias=column c",
                             "relu aux bias=row",
                             "relu scale=both",
                             "silu scale=column bias=column c alpha",
                             "relu scale=row aux c",
                             "identity aux"};
  std::map<std::string, int> served, refused;
  unsigned seed = 0;
  for (const char* size : sizes)
    for (const Major b : {Major::k, Major::mn})
      for (const DType in : {DType::f16, DType::bf16})
        for (const DType out : {in, DType::f32})
          for (const char* epilogue : epilogues)
            for (const int align : {16, 4}) {
              ++seed;
              Problem p = parse_problem(std::string(size) + " " + epilogue);
              p.in = in, p.a_major = seed % 2 ? Major::k : Major::mn, p.b_major = b, p.epilogue.out = out;
              if (p.epilogue.bias != BiasAxis::none && p.epilogue.bias_dtype == DType::bf16) p.epilogue.bias_dtype = out;
              p.align_a = p.align_b = p.align_d = static_cast<std::uint8_t>(align);
              p.align_c = p.epilogue.has_c ? p.align_d : 16;
              for (const VendorKind kind : kVendorKinds) {
                if (!vendor_offers(p, kind)) continue;
                CAPTURE(to_string(p));
                CAPTURE(static_cast<int>(kind));
                const auto algos = vendor_heuristics(resources(), p, kind, 4);
                (algos.empty() ? refused : served)[epilogue] += 1;
                const auto right = std::ranges::find(algos, false, &VendorAlgo::reduced);
                if (right == algos.end()) continue;
                const VendorPlan plan(resources(), p, vendor_tactic(static_cast<int>(right - algos.begin()), kind), *right);
                for (const bool apart : {true, false}) {
                  if (!apart && (!p.epilogue.gated || !vendor_offers(p, VendorKind::separate))) continue;
                  CAPTURE(apart);
                  Operands o(p, seed, 0, apart);
                  plan.launch(nullptr, o.args);
                  if (kind != VendorKind::fused || fused_rounds_once(p.epilogue)) CHECK(o.wrong() == 0);
                }
              }
            }
  int total = 0;
  for (const auto& [epilogue, count] : served) total += count;
  MESSAGE(total, " plans");
  for (const auto& [epilogue, count] : refused) MESSAGE("refused: ", epilogue, " ", count);
  CHECK(total > 400);
}

TEST_CASE("a gated bias whose second half is not aligned is served through the pass, and C may be D under scales") {
  Operands gated(parse_problem("32x60x64 silu gated bias=column"), 5, 0, false);
  VendorPlan::fallback(resources(), gated.p)->launch(nullptr, gated.args);
  CHECK(gated.wrong() == 0);
  Operands off(parse_problem("32x64x64 gelu_tanh aux bias=column"), 5, 2);
  VendorPlan::fallback(resources(), off.p)->launch(nullptr, off.args);
  CHECK(off.wrong() == 0);
  Operands o(parse_problem("48x64x80 relu c bias=column scale=both"), 9);
  o.d.random(11), o.c = DeviceMatrix(48, 64, DType::bf16, o.args.d.ld), o.c.random(11);
  o.args.c.data = o.d.data(), o.args.c.ld = o.args.d.ld;
  VendorPlan::fallback(resources(), o.p)->launch(nullptr, o.args);
  CHECK(o.wrong() == 0);
}

TEST_CASE("a bias that is not 16-byte aligned is served through the pass") {
  const Problem p = parse_problem("32x64x128 relu bias=column");
  Operands o(p, 3, 2);
  VendorPlan::of_rank(resources(), p, vendor_tactic(0, VendorKind::fused))->launch(nullptr, o.args);
  CHECK(o.wrong() == 0);
}

TEST_CASE("C may be D itself") {
  for (const VendorKind kind : {VendorKind::fused, VendorKind::separate}) {
    Operands o(parse_problem("48x64x80 relu c bias=column"), 9);
    o.d.random(11), o.c = DeviceMatrix(48, 64, DType::bf16, o.args.d.ld), o.c.random(11);
    o.args.c.data = o.d.data(), o.args.c.ld = o.args.d.ld;
    VendorPlan::of_rank(resources(), o.p, vendor_tactic(0, kind))->launch(nullptr, o.args);
    CHECK(o.wrong() == 0);
  }
}

TEST_CASE("a stored algorithm comes back, a foreign or damaged one is refused") {
  const Problem p = parse_problem("64x128x256 relu");
  const Tactic t = vendor_tactic(1, VendorKind::fused);
  const std::string blob = VendorPlan::of_rank(resources(), p, t)->blob();
  std::string why;
  const auto plan = VendorPlan::of_blob(resources(), p, t, blob, &why);
  REQUIRE_MESSAGE(plan, why);
  CHECK(plan->blob() == blob);
  Operands o(p, 21);
  plan->launch(nullptr, o.args);
  CHECK(o.wrong() == 0);

  std::string foreign = blob;
  foreign[0] ^= 1;
  CHECK(!VendorPlan::of_blob(resources(), p, t, foreign, &why));
  CHECK(why.find("version") != why.npos);
  CHECK(!VendorPlan::of_blob(resources(), p, t, blob.substr(1), &why));
  CHECK_THROWS_WITH_AS(VendorPlan::of_rank(resources(), p, vendor_tactic(500, VendorKind::fused)),
                       doctest::Contains("algo=500"), Error);
}

TEST_CASE("nothing is rounded before its end: products beyond f16 that come back, in every kind, with any bias") {
  struct Row {
    const char* problem;
    double a, b, bias, row_scale, want;
  };
  const Row rows[] = {{"16x64x64 f16 out=f16 silu", 200, -10, 0, 1, -0.0},
                      {"16x64x64 f16 out=f16 identity bias=column:f16", 70000.0 / 64, 1, -10000, 1, 60000},
                      {"16x64x64 f16 out=f16 relu bias=column:f16", 70000.0 / 64, 1, -10000, 1, 60000},
                      {"16x64x64 f16 out=f16 gelu_tanh bias=column:f16", 70000.0 / 64, 1, -10000, 1, 60000},
                      {"16x64x64 f16 out=f16 silu bias=row:f32", 70000.0 / 64, 1, -10000, 1, 60000},
                      {"16x64x64 f16 out=f16 identity scale=row", 100000.0 / 64, 1, 0, 0.001, 100},
                      {"16x64x64 f16 out=f16 silu gated scale=row", 100000.0 / 64, 1, 0, 0.001, 10000}};
  for (const Row& row : rows)
    for (const VendorKind kind : kVendorKinds)
      for (const std::int64_t bias_offset : {0, 2}) {
        const Problem p = parse_problem(row.problem);
        if (!vendor_offers(p, kind) || (bias_offset && p.epilogue.bias_dtype == DType::f32)) continue;
        CAPTURE(row.problem);
        CAPTURE(static_cast<int>(kind));
        CAPTURE(bias_offset);
        Operands o(p, 3, bias_offset);
        o.a.fill(row.a), o.b.fill(row.b), o.b2.fill(row.b), o.bias.fill(row.bias), o.row_scale.fill(row.row_scale);
        VendorPlan::of_rank(resources(), p, vendor_tactic(0, kind))->launch(nullptr, o.args);
        o.d.download();
        for (const auto& [i, j] : {std::pair{0, 0}, {15, 63}, {7, 33}})
          CHECK(std::abs(o.d.at(i, j) - row.want) <= 0x1p-10 * std::abs(row.want));
      }
}

TEST_CASE("a product in panels is right, in both majors of A, with every operand that has rows") {
  for (const char* text :
       {"200x64x40 silu bias=row:f32 c aux scale=both alpha", "200x64x40 a=m gelu_erf bias=row:f32 c aux scale=both",
        "200x40x64 a=m silu gated aux bias=column"}) {
    const Problem p = parse_problem(text);
    CAPTURE(text);
    const VendorKind kind = p.epilogue.gated ? VendorKind::two_products : VendorKind::separate;
    const auto plan = VendorPlan::of_rank(resources(), p, vendor_tactic(0, kind));
    Operands whole(p, 41);
    plan->launch(nullptr, whole.args);
    CHECK(whole.wrong() == 0);
    Operands o(p, 41);
    for (const auto& [first, count] : {std::pair{0, 128}, {128, 64}, {192, 8}})
      plan->launch(nullptr, rows_of(p, o.args, first, count));
    CHECK(o.wrong() == 0);
  }
}

TEST_CASE("a bucket's plan serves smaller m") {
  Problem p = parse_problem("128x256x512 gelu_erf");
  const auto plan = VendorPlan::of_rank(resources(), p, vendor_tactic(0, VendorKind::separate));
  p.m = 65;
  Operands o(p, 31);
  plan->launch(nullptr, o.args);
  CHECK(o.wrong() == 0);
}

TEST_CASE("a vendor launch allocates nothing of ours") {
  Operands o(parse_problem("64x96x4096 silu bias=column"), 5);
  const auto plan = VendorPlan::fallback(resources(), o.p);
  plan->launch(nullptr, o.args);
  const auto before = allocations();
  for (int i = 0; i < 10; ++i) plan->launch(nullptr, o.args);
  CHECK(allocations() == before);
  check(driver().cuCtxSynchronize(), "waiting");
}
