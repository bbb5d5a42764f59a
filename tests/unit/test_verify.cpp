// The bound that every kernel is held to, and the layouts it is tried on. The same inline code runs on the device.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/activation.hpp"
#include "families/family.hpp"
#include "kernels/support/probe_args.cuh"
#include "plan/vendor.hpp"
#include "proof/layout.hpp"
#include "proof/verify.hpp"

using namespace ak;

namespace {

constexpr int kF16 = 0, kBf16 = 1, kF32 = 2;

// Round to nearest even with `bits` of significand; enough for normal numbers.
double rounded(double x, int bits) {
  if (x == 0) return x;
  const double unit = std::ldexp(1.0, std::ilogb(x) - bits + 1);
  return std::nearbyint(x / unit) * unit;
}
double to_type(double x, int type) { return rounded(x, type == kF16 ? 11 : type == kBf16 ? 8 : 24); }

// A kernel that cuts every partial sum down to 24 bits after eight products, as tensor cores do.
float truncating_sum(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); i += 8) {
    for (std::size_t j = i; j < std::min(i + 8, a.size()); ++j) sum += static_cast<double>(a[j]) * b[j];
    const float near = static_cast<float>(sum);
    sum = std::fabs(near) > std::fabs(sum) ? std::nextafter(near, 0.0f) : near;
  }
  return static_cast<float>(sum);
}

double half_sum(const std::vector<float>& a, const std::vector<float>& b, std::size_t chunk) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); i += chunk) {
    double sum = 0;
    for (std::size_t j = i; j < std::min(i + chunk, a.size()); ++j) sum = rounded(sum + static_cast<double>(a[j]) * b[j], 11);
    total += sum;
  }
  return total;
}

struct Vectors {
  std::vector<float> a, b;
  double dot = 0, norm_a = 0, norm_b = 0;
  float reference = 0;  // f32, in order
};

Vectors vectors(int k, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Vectors v;
  for (int i = 0; i < k; ++i) {
    v.a.push_back(static_cast<float>(to_type(normal(random), kBf16)));
    v.b.push_back(static_cast<float>(to_type(normal(random) * 2 / std::sqrt(static_cast<float>(k)), kBf16)));
    v.dot += static_cast<double>(v.a.back()) * v.b.back();
    v.reference = std::fma(v.a.back(), v.b.back(), v.reference);
    v.norm_a += static_cast<double>(v.a.back()) * v.a.back();
    v.norm_b += static_cast<double>(v.b.back()) * v.b.back();
  }
  v.norm_a = std::sqrt(v.norm_a), v.norm_b = std::sqrt(v.norm_b);
  return v;
}

bool passes(double got, const Vectors& v, int type, Activation activation = Activation::identity) {
  Tolerance tolerance;
  tolerance.k = static_cast<double>(v.a.size());
  double error;
  return accepts(
      got, v.reference, slack(tolerance, v.reference, v.norm_a, v.norm_b, 0, 0), type,
      [&](double x) { return activate(activation, x, 0.125); }, &error);
}

// How many of `elements` independent elements a kernel may get wrong before one is caught: the share that is refused.
template <class Kernel>
double refused(int k, int type, int elements, Kernel&& kernel) {
  int refusals = 0;
  for (int i = 0; i < elements; ++i) {
    const Vectors v = vectors(k, 1000 + i);
    refusals += !passes(to_type(kernel(v), type), v, type);
  }
  return static_cast<double>(refusals) / elements;
}

}  // namespace

TEST_CASE("right sums pass at every k, output type and activation, however they round") {
  for (const int k : {1, 7, 64, 1000, 16384}) {
    const int seeds = k > 5000 ? 20 : 200;
    for (int seed = 0; seed < seeds; ++seed) {
      const Vectors v = vectors(k, seed);
      for (const int type : {kF16, kBf16, kF32})
        for (int i = 0; i < kActivationCount; ++i) {
          const auto activation = static_cast<Activation>(i);
          CAPTURE(k);
          CAPTURE(seed);
          CAPTURE(type);
          CAPTURE(std::string(name(activation)));
          CHECK(passes(to_type(activate(activation, v.dot, 0.125), type), v, type, activation));
          CHECK(passes(to_type(activate(activation, truncating_sum(v.a, v.b), 0.125), type), v, type, activation));
        }
    }
  }
}

TEST_CASE("a plan that rounds before its activation is refused") {
  int refusals = 0, count = 0;
  for (int seed = 0; seed < 300; ++seed) {
    const Vectors v = vectors(256, seed);
    const double got = to_type(activate(Activation::silu, to_type(v.dot, kBf16), 0), kBf16);
    refusals += !passes(got, v, kBf16, Activation::silu), ++count;
  }
  CHECK(refusals > count / 20);
}

TEST_CASE("cuBLASLt's gelu may cancel where its tanh is -1, ours may not, and neither may lose what bf16 shows of 1") {
  Problem problem;
  problem.epilogue.activation = Activation::gelu_tanh;
  Tactic own, fused = vendor_tactic(0, VendorKind::fused), separate = vendor_tactic(0, VendorKind::separate);
  CHECK(tolerance_for(own, problem, {}).formula == 0);
  CHECK(tolerance_for(separate, problem, {}).formula == 0);
  const double formula = tolerance_for(fused, problem, {}).formula;
  const auto gelu = [](double x) { return activate(Activation::gelu_tanh, x, 0); };
  const auto textbook = [](float x) {
    const float t = std::tanh(x * (0.79788456f + 0.035677408f * x * x));
    return 0.5f * x * (1.0f + t);
  };
  double error;
  int refused = 0;
  for (float x = -12; x < 6; x += 0.0137f) {
    const double got = to_type(textbook(x), kBf16);
    CAPTURE(x);
    CHECK(accepts(got, x, 0, kBf16, gelu, &error, formula));
    refused += !accepts(got, x, 0, kBf16, gelu, &error);
  }
  CHECK(refused > 20);
  CHECK_FALSE(accepts(0, -4.0, 0, kBf16, gelu, &error, formula));          // -1.3e-4
  CHECK_FALSE(accepts(1.03125, 1.1598, 0, kBf16, gelu, &error, formula));  // 1.017
  problem.epilogue.activation = Activation::relu;
  CHECK(tolerance_for(fused, problem, {}).formula == 0);
}

TEST_CASE("half-precision accumulation is caught among a few hundred elements") {
  CHECK(refused(64, kF32, 100, [](const Vectors& v) { return half_sum(v.a, v.b, 64); }) > 0.7);
  CHECK(refused(4096, kF32, 30, [](const Vectors& v) { return half_sum(v.a, v.b, 64); }) > 0.7);
  CHECK(refused(1024, kBf16, 400, [](const Vectors& v) { return half_sum(v.a, v.b, 1024); }) > 0.02);
  CHECK(refused(256, kF16, 400, [](const Vectors& v) { return half_sum(v.a, v.b, 256); }) > 0.02);
}

TEST_CASE("a missed last k element is caught") {
  const auto missed = [](const Vectors& v) { return v.dot - static_cast<double>(v.a.back()) * v.b.back(); };
  CHECK(refused(64, kBf16, 200, missed) > 0.5);
  CHECK(refused(4096, kBf16, 200, missed) > 0.1);
  CHECK(refused(16384, kF16, 60, missed) > 0.3);
}

TEST_CASE("where the reference is infinite or no number, so is what is right") {
  const auto identity = [](double x) { return x; };
  const auto relu = [](double x) { return x != x ? x : x < 0 ? 0.0 : x; };
  const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  const auto times_sigmoid = [](double x) { return activate(Activation::silu, x, 0); };
  const double inf = HUGE_VAL, nan = std::nan("");
  double error;
  const auto passes = [&](double got, double p, auto&& activate, double slack = 0, double up = 1, double up_slack = 0) {
    return accepts(got, p, slack, kF16, activate, &error, 0, up, up_slack);
  };
  CHECK(passes(nan, nan, identity));
  CHECK(passes(nan, nan, relu));
  for (const double wrong : {0.0, 1.0, inf, -inf, 65504.0}) CHECK_FALSE(passes(wrong, nan, relu));
  CHECK(passes(inf, inf, identity));
  CHECK(passes(-inf, -inf, identity));
  for (const double wrong : {0.0, 65504.0, -inf, nan}) CHECK_FALSE(passes(wrong, inf, identity));
  CHECK(passes(0, -inf, relu));
  CHECK_FALSE(passes(-inf, -inf, relu));
  CHECK_FALSE(passes(nan, -inf, relu));
  CHECK(passes(1, inf, [](double x) { return 1 / (1 + std::exp(-x)); }));
  // -inf * 0 of a formula whose limit is 0: either.
  CHECK(passes(nan, -inf, times_sigmoid));
  CHECK(passes(0, -inf, times_sigmoid));
  CHECK_FALSE(passes(-inf, -inf, times_sigmoid));
  CHECK_FALSE(passes(1, -inf, silu));
  // What a product of f16 would have made of it: silu(-76800) is -0, identity(76800 - 30000) is finite.
  CHECK(passes(-0.0, -76800, times_sigmoid, 0.02));
  CHECK_FALSE(passes(nan, -76800, times_sigmoid, 0.02));
  CHECK(passes(46800, 46800, identity, 0.02));
  CHECK_FALSE(passes(inf, 46800, identity, 0.02));
  CHECK_FALSE(passes(35504, 46800, identity, 0.02));
  // Gated: an infinite factor beside one that may be 0 may be anything but finite.
  CHECK(passes(nan, nan, identity, 0, 2, 0.1));
  CHECK(passes(inf, inf, identity, 0, 2, 0.1));
  CHECK_FALSE(passes(-inf, inf, identity, 0, 2, 0.1));
  CHECK(passes(-inf, inf, identity, 0, 0.05, 0.1));
  CHECK(passes(nan, 1e-300, identity, 1e-6, inf));
  CHECK_FALSE(passes(3, inf, identity, 0, 0.05, 0.1));
  CHECK_FALSE(passes(nan, 1, identity, 1e-6, inf));
  CHECK(passes(nan, 1, identity, 0, nan));
  // A caller's activation at the end of its domain.
  const auto root = [](double x) { return std::sqrt(x); };
  CHECK(passes(nan, -1, root, 1e-3));
  CHECK_FALSE(passes(1, -1, root, 1e-3));
  CHECK(passes(nan, 1e-6, root, 1e-3));
  CHECK_FALSE(passes(nan, 1, root, 1e-3));
  CHECK(slack({}, inf, inf, inf, 0, 0) == 0);
  CHECK(slack({}, nan, 1, 1, 0, 0) == 0);
}

TEST_CASE("no number where there is one never passes; infinity only where the reference overflows too") {
  const auto identity = [](double x) { return x; };
  const auto square = [](double x) { return x < 0 ? 0 : x * x; };
  const double inf = HUGE_VAL;
  double error;
  CHECK_FALSE(accepts(std::nan(""), 1.0, 1e9, kF16, identity, &error));
  CHECK_FALSE(accepts(inf, 1.0, 0, kF16, identity, &error));
  CHECK(accepts(inf, 300.0, 0, kF16, square, &error));
  CHECK_FALSE(accepts(-inf, 300.0, 0, kF16, square, &error));
  CHECK_FALSE(accepts(inf, 300.0, 0, kBf16, square, &error));
  CHECK_FALSE(accepts(65504, 300.0, 0, kF16, square, &error));
  CHECK(accepts(65504, 255.93, 0, kF16, square, &error));
  CHECK_FALSE(accepts(0.0, std::nan(""), 0, kF32, identity, &error));
  CHECK(accepts(0.0, 1e-9, 0, kF16, identity, &error));  // a flushed denormal
  CHECK_FALSE(accepts(0.0, 1e-6, 0, kF16, identity, &error));
}

TEST_CASE("integers leave no room: off by one in f32 is wrong at any k") {
  Tolerance tolerance;
  tolerance.k = 16384, tolerance.summation = 0;
  double error;
  const double p = 900;
  const double room = slack(tolerance, p, 100, 100, 1, 1);
  CHECK(room < 1e-3);
  CHECK(accepts(
      p, p, room, kF32, [](double x) { return x; }, &error));
  CHECK_FALSE(accepts(
      p + 1, p, room, kF32, [](double x) { return x; }, &error));
}

TEST_CASE("layouts have exactly the alignment classes asked for, and room that no operand shares") {
  const auto check = [](const Region& r, int align, std::int64_t guard, bool gapped) {
    if (!r.elements) return;
    const int size = size_of(r.type), want = std::max(align, size);
    const std::int64_t pointer = r.begin + r.first * size;
    int of = 16;
    while (pointer % of || (r.ld * size) % of) of /= 2;
    CHECK(of == want);
    CHECK(r.begin % 256 == 0);
    CHECK(r.bytes() % 256 == 0);
    CHECK(r.first * size >= guard);
    CHECK((r.elements - r.last()) * size >= guard);
    CHECK(r.ld >= r.cols + (gapped ? 1 : 0));
  };
  for (const int align : {2, 4, 8, 16})
    for (const std::int64_t extent : {1, 7, 8, 63, 64, 1001})
      for (const DType out : {DType::f16, DType::f32})
        for (const Spacing spacing : {Spacing::tight, Spacing::gapped}) {
          Problem p;
          p.m = extent, p.n = extent + 1, p.k = extent + 2;
          p.a_major = Major::mn;
          p.align_a = p.align_b = p.align_c = p.align_d = static_cast<std::uint8_t>(align);
          p.epilogue.out = out, p.epilogue.has_c = true, p.epilogue.bias = BiasAxis::row;
          const Layout l = make_layout(p, spacing, 4096);
          CAPTURE(align);
          CAPTURE(extent);
          for (const Region* r : {&l.a, &l.b, &l.c, &l.d}) check(*r, align, 4096, spacing == Spacing::gapped);
          CHECK(l.a.begin + l.a.bytes() == l.b.begin);
          CHECK(l.d.begin + l.d.bytes() == l.bytes);
          CHECK(l.bias.cols == p.m);
        }
  Problem p;
  p.m = 777, p.n = 512, p.k = 1024;
  const Layout tight = make_layout(p, Spacing::tight, 0);
  CHECK(tight.a.ld == 1024);
  CHECK(tight.d.ld == 512);
  CHECK(tight.c.elements == 0);
}

TEST_CASE("a bias and scales lie on their element's size and no more when gapped, whatever their length") {
  for (const std::int64_t extent : {1, 7, 8, 64, 1001})
    for (const DType type : {DType::f16, DType::bf16, DType::f32})
      for (const BiasAxis axis : {BiasAxis::row, BiasAxis::column}) {
        Problem p;
        p.m = extent, p.n = extent + 1, p.k = 8;
        p.epilogue.bias = axis, p.epilogue.bias_dtype = type, p.epilogue.row_scale = p.epilogue.column_scale = true;
        const Layout tight = make_layout(p, Spacing::tight, 4096), gapped = make_layout(p, Spacing::gapped, 4096);
        const auto address = [](const Region& r) { return r.begin + r.first * size_of(r.type); };
        CHECK(address(tight.bias) % 16 == 0);
        for (const Region* r : {&gapped.bias, &gapped.row_scale, &gapped.column_scale}) {
          const int size = size_of(r->type);
          CHECK(address(*r) % (2 * size) == size);
          CHECK((r->elements - r->last()) * size >= 4096);
        }
      }
}

TEST_CASE("edge problems surround the tile and keep the structure") {
  Problem p;
  p.m = 4096, p.n = 4096, p.k = 4096;
  p.epilogue.activation = Activation::silu;
  const Tactic t = parse_tactic("sm80 tile_m=128 tile_n=64 tile_k=32 stages=3 split_k=2");
  bool above = false, below = false, one = false;
  for (Problem edge : edge_problems(p, t)) {
    above |= edge.m == 129, below |= edge.n == 63, one |= edge.m == 1 && edge.n == 1 && edge.k == 1;
    CHECK(edge.m >= 1);
    CHECK(edge.n >= 1);
    CHECK(edge.k >= 1);
    edge.m = p.m, edge.n = p.n, edge.k = p.k;
    CHECK(edge == p);
  }
  CHECK(above);
  CHECK(below);
  CHECK(one);
}
