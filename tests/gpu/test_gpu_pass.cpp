// The separate pass against the fp64 expressions: every activation, type, bias, alignment and aliasing.
#include <doctest/doctest.h>

#include <cmath>

#include "../allocations.hpp"
#include "core/activation.hpp"
#include "device_matrix.hpp"
#include "plan/pass.hpp"

using namespace ak;
using test::DeviceMatrix;

namespace {

constexpr DType kTypes[] = {DType::f16, DType::bf16, DType::f32};

struct PassCase {
  Activation activation;
  DType dtype;
  BiasAxis bias;
  DType bias_dtype;
  bool has_x, has_c, in_place;
  std::int64_t rows, columns, ld, offset;
};

// Number of wrong elements, and the first one's story.
int wrong_elements(const PassCase& t, unsigned seed) {
  const float alpha = 0.75f, beta = -1.5f, slope = 0.125f;
  const std::int64_t c_ld = t.in_place || seed % 2 ? t.ld : t.ld + 3;  // now and then C's rows lie otherwise than D's
  // The product lies in f32, on any address.
  DeviceMatrix x(t.rows, t.columns, DType::f32, t.columns + seed % 5, seed % 3 * 4),
      c(t.rows, t.columns, t.dtype, c_ld, t.offset);
  DeviceMatrix separate(t.rows, t.columns, t.dtype, t.ld, t.offset);
  DeviceMatrix bias(1, t.bias == BiasAxis::row ? t.rows : t.columns, t.bias_dtype, 0, size_of(t.bias_dtype));
  x.random(seed, 3), c.random(seed + 1), bias.random(seed + 2), separate.fill(std::nan(""));
  DeviceMatrix& d = t.in_place ? c : separate;
  const DeviceMatrix c_before = [&] {
    DeviceMatrix m(t.rows, t.columns, t.dtype, t.ld, t.offset);
    m.random(seed + 1);
    return m;
  }();

  PassArgs args{};
  args.x = t.has_x ? x.data() : nullptr, args.c = t.has_c ? c.data() : nullptr, args.d = d.data();
  args.bias = bias.data(), args.bias_axis = static_cast<int>(t.bias), args.bias_type = static_cast<int>(t.bias_dtype);
  args.ldx = x.ld(), args.ldc = c.ld(), args.ldd = d.ld();
  args.rows = t.rows, args.columns = t.columns;
  args.alpha = alpha, args.beta = beta, args.slope = slope;
  Pass(resources(), t.activation, t.dtype).launch(nullptr, args);
  d.download();

  int wrong = d.damaged() != 0;
  for (std::int64_t r = 0; r < t.rows; ++r)
    for (std::int64_t col = 0; col < t.columns; ++col) {
      const double terms[] = {t.has_x ? alpha * x.at(r, col) : 0,
                              t.bias == BiasAxis::row      ? bias.at(0, r)
                              : t.bias == BiasAxis::column ? bias.at(0, col)
                                                           : 0,
                              t.has_c ? beta * c_before.at(r, col) : 0};
      const double pre = terms[0] + terms[1] + terms[2];
      const double size = std::abs(terms[0]) + std::abs(terms[1]) + std::abs(terms[2]);
      const double want = activate(t.activation, pre, slope), got = d.at(r, col);
      // Rounding of the output, 2^-20 of the activation, and f32 cancellation in the sum through a slope of at most 2 + 2|x|.
      const double bound = (test::epsilon(t.dtype) * 1.01 + 0x1p-20) * std::abs(want) +
                           4 * 0x1p-24 * size * (2 + 2 * std::abs(pre)) + test::tiny(t.dtype);
      if (!(std::abs(got - want) <= bound) && ++wrong == 1)
        MESSAGE("at ", r, ",", col, " got ", got, " want ", want, " bound ", bound);
    }
  return wrong;
}

}  // namespace

TEST_CASE("the pass is right for every activation, type, bias, C, alignment and aliasing") {
  struct Extent {
    std::int64_t rows, columns, ld, offset_elements;
  };
  // Aligned, odd ld, misaligned start, tails narrower than 16 bytes, one row, one column, several rows a thread.
  const Extent extents[] = {{17, 64, 64, 0}, {33, 129, 136, 0}, {5, 203, 203, 0},   {9, 96, 96, 1},
                            {1, 1, 1, 0},    {300, 1, 8, 0},    {1, 1000, 1000, 0}, {2111, 24, 24, 0}};
  unsigned seed = 1;
  int cases = 0;
  for (int a = 0; a < kActivationCount; ++a)
    for (const DType dtype : kTypes)
      for (const BiasAxis bias : {BiasAxis::none, BiasAxis::column, BiasAxis::row})
        for (int flags = 0; flags < 8; ++flags) {
          const Extent& e = extents[seed % std::size(extents)];
          PassCase t{static_cast<Activation>(a),
                 dtype,
                 bias,
                 kTypes[seed / 3 % 3],
                 (flags & 1) != 0,
                 (flags & 2) != 0,
                 (flags & 4) != 0,
                 e.rows,
                 e.columns,
                 e.ld,
                 e.offset_elements * size_of(dtype)};
          if (t.in_place && !t.has_c) continue;
          ++seed, ++cases;
          CAPTURE(std::string(name(t.activation)));
          CAPTURE(std::string(name(dtype)));
          CAPTURE(static_cast<int>(bias));
          CAPTURE(flags);
          CAPTURE(e.columns);
          CHECK(wrong_elements(t, seed) == 0);
        }
  // Every bias type with every axis and every extent, once more with everything on.
  for (const Extent& e : extents)
    for (const DType dtype : kTypes)
      for (const DType bias_dtype : kTypes)
        for (const BiasAxis bias : {BiasAxis::column, BiasAxis::row}) {
          CAPTURE(e.columns);
          ++cases;
          CHECK(wrong_elements({Activation::silu, dtype, bias, bias_dtype, true, true, true, e.rows, e.columns, e.ld,
                                e.offset_elements * size_of(dtype)},
                               ++seed) == 0);
        }
  MESSAGE(cases, " cases");
}

TEST_CASE("the pass is right with gate, aux and scales, on top of bias, C and aliasing") {
  struct Extent {
    std::int64_t rows, columns, ld, offset_elements;
  };
  const Extent extents[] = {{17, 64, 64, 0}, {33, 129, 136, 0}, {5, 203, 203, 0},
                            {9, 96, 96, 1},  {1, 1, 1, 0},      {700, 24, 24, 0}};
  const float alpha = 0.75f, beta = -1.5f, slope = 0.125f;
  unsigned seed = 1;
  int cases = 0;
  for (int a = 0; a < kActivationCount; ++a)
    for (const DType dtype : kTypes)
      for (int flags = 0; flags < 32; ++flags) {
        const bool gated = flags & 1, has_aux = flags & 2, row = flags & 4, column = flags & 8, has_x = flags & 16;
        if (!gated && !has_aux && !row && !column) continue;
        if ((flags + a) % 3 && dtype != DType::bf16) continue;  // a third of them for the other types
        const Extent& e = extents[++seed % std::size(extents)];
        const auto bias_axis = static_cast<BiasAxis>(gated ? seed % 2 : seed % 3);
        const bool has_c = !gated && seed % 2;
        const DType bias_dtype = kTypes[seed / 3 % 3];
        const std::int64_t wide = gated ? 2 * e.columns : e.columns, offset = e.offset_elements * size_of(dtype);
        DeviceMatrix x(e.rows, wide, DType::f32, 2 * e.ld + seed % 3, seed % 2 * 4), c(e.rows, e.columns, dtype, e.ld, offset),
            d(e.rows, e.columns, dtype, e.ld, offset), aux(e.rows, wide, dtype, 2 * e.ld + (seed % 2 ? 16 : 0), offset),
            bias(1, bias_axis == BiasAxis::row ? e.rows : wide, bias_dtype, 0, size_of(bias_dtype)),
            row_scale(1, e.rows, DType::f32, 0, 4), column_scale(1, wide, DType::f32, 0, seed % 3 ? 4 : 0);
        x.random(seed, 2);
        d.fill(std::nan("")), c.random(seed + 1), bias.random(seed + 2), row_scale.random(seed + 3),
            column_scale.random(seed + 4);
        aux.fill(std::nan(""));
        PassArgs args{};
        args.gated = gated;
        args.x = has_x ? x.data() : nullptr, args.ldx = x.ld();
        if (gated && has_x) args.x2 = static_cast<const float*>(args.x) + e.columns;
        if (has_c) args.c = c.data();
        if (has_aux) args.aux = aux.data();
        if (row) args.row_scale = static_cast<const float*>(row_scale.data());
        if (column) args.column_scale = static_cast<const float*>(column_scale.data());
        args.d = d.data(), args.bias = bias.data(), args.bias_axis = static_cast<int>(bias_axis),
        args.bias_type = static_cast<int>(bias_dtype);
        args.ldc = c.ld(), args.ldd = d.ld(), args.ldaux = aux.ld(), args.rows = e.rows, args.columns = e.columns;
        args.alpha = alpha, args.beta = beta, args.slope = slope;
        Pass(resources(), static_cast<Activation>(a), dtype).launch(nullptr, args);
        d.download(), aux.download();
        ++cases;
        int wrong = (d.damaged() != 0) + (aux.damaged() != 0);
        for (std::int64_t r = 0; r < e.rows; ++r)
          for (std::int64_t col = 0; col < e.columns; ++col) {
            double pre[2] = {0, 1}, size[2] = {};
            for (int half = 0; half < (gated ? 2 : 1); ++half) {
              const std::int64_t at = half * e.columns + col;
              const double terms[] = {
                  has_x ? alpha * x.at(r, at) * (row ? row_scale.at(0, r) : 1) * (column ? column_scale.at(0, at) : 1) : 0,
                  bias_axis == BiasAxis::row      ? bias.at(0, r)
                  : bias_axis == BiasAxis::column ? bias.at(0, at)
                                                  : 0,
                  has_c ? beta * c.at(r, col) : 0};
              pre[half] = terms[0] + terms[1] + terms[2];
              size[half] = std::abs(terms[0]) + std::abs(terms[1]) + std::abs(terms[2]);
              if (has_aux) {
                const double got = aux.at(r, at), bound = test::epsilon(dtype) * 1.01 * std::abs(pre[half]) +
                                                          0x1p-21 * size[half] + test::tiny(dtype);
                if (!(std::abs(got - pre[half]) <= bound) && ++wrong == 1)
                  MESSAGE("aux at ", r, ",", at, " got ", got, " want ", pre[half]);
              }
            }
            const double gate = activate(static_cast<Activation>(a), pre[0], slope), want = gate * pre[1], got = d.at(r, col);
            const double gate_bound = 0x1p-20 * std::abs(gate) + 0x1p-21 * size[0] * (2 + 2 * std::abs(pre[0]));
            const double bound = test::epsilon(dtype) * 1.01 * std::abs(want) +
                                 gate_bound * (std::abs(pre[1]) + size[1] * 0x1p-21) + std::abs(gate) * size[1] * 0x1p-21 +
                                 test::tiny(dtype);
            if (!(std::abs(got - want) <= bound) && ++wrong == 1)
              MESSAGE("D at ", r, ",", col, " got ", got, " want ", want, " bound ", bound);
          }
        CAPTURE(std::string(name(static_cast<Activation>(a))));
        CAPTURE(std::string(name(dtype)));
        CAPTURE(flags);
        CAPTURE(e.columns);
        CHECK(wrong == 0);
      }
  MESSAGE(cases, " cases");
}

TEST_CASE("a zero product is act(bias + beta*C), and neither A nor B is read") {
  Problem p = parse_problem("9x40x0 gelu_erf bias=column:f32 c");
  DeviceMatrix c(9, 40, DType::bf16), d(9, 40, DType::bf16), bias(1, 40, DType::f32);
  c.random(1), bias.random(2), d.fill(std::nan(""));
  CallArgs args{};
  args.c.data = c.data(), args.d.data = d.data(), args.bias = bias.data();
  args.c.ld = args.d.ld = 40, args.m = 9, args.n = 40;
  args.alpha = std::nanf(""), args.beta = 2, args.slope = 0;
  const PassPlan plan(resources(), p);
  const auto before = allocations();
  plan.launch(nullptr, args);
  CHECK(allocations() == before);
  d.download();
  for (int r = 0; r < 9; ++r)
    for (int col = 0; col < 40; ++col)
      CHECK(d.at(r, col) ==
            doctest::Approx(activate(Activation::gelu_erf, bias.at(0, col) + 2 * c.at(r, col), 0)).epsilon(0.005));

  args.beta = 0;  // C is not read then
  c.fill(std::nan(""));
  plan.launch(nullptr, args);
  d.download();
  for (int col = 0; col < 40; ++col) CHECK(std::isfinite(d.at(3, col)));
}

TEST_CASE("a gated zero product is act(its bias) times the up's, aux included, and no scale is read") {
  const Problem p = parse_problem("9x40x0 silu gated aux bias=column:f32");
  DeviceMatrix d(9, 40, DType::bf16), aux(9, 80, DType::bf16), bias(1, 80, DType::f32);
  bias.random(2), d.fill(std::nan("")), aux.fill(std::nan(""));
  CallArgs args{};
  args.d.data = d.data(), args.aux.data = aux.data(), args.bias = bias.data();
  args.d.ld = 40, args.aux.ld = 80, args.m = 9, args.n = 40, args.alpha = 1;
  PassPlan(resources(), p).launch(nullptr, args);
  d.download(), aux.download();
  for (int r = 0; r < 9; ++r)
    for (int col = 0; col < 40; ++col) {
      CHECK(aux.at(r, col) == doctest::Approx(bias.at(0, col)).epsilon(0.005));
      CHECK(aux.at(r, 40 + col) == doctest::Approx(bias.at(0, 40 + col)).epsilon(0.005));
      CHECK(d.at(r, col) ==
            doctest::Approx(activate(Activation::silu, bias.at(0, col), 0) * bias.at(0, 40 + col)).epsilon(0.01));
    }
}

TEST_CASE("NaN passes through every activation") {
  for (int a = 0; a < kActivationCount; ++a) {
    DeviceMatrix x(2, 16, DType::f32), d(2, 16, DType::f32);
    x.fill(std::nan(""));
    PassArgs args{};
    args.x = x.data(), args.d = d.data(), args.ldx = args.ldd = 16, args.rows = 2, args.columns = 16, args.alpha = 1;
    Pass(resources(), static_cast<Activation>(a), DType::f32).launch(nullptr, args);
    d.download();
    CAPTURE(std::string(name(static_cast<Activation>(a))));
    CHECK(std::isnan(d.at(0, 0)));
    CHECK(std::isnan(d.at(1, 15)));
  }
}

TEST_CASE("the pass's speed, for the record") {
  const OwnedStream stream = OwnedStream::make();
  const auto report = [&](std::int64_t rows, std::int64_t columns, Activation activation, bool gated = false) {
    const Buffer d = Buffer::make(static_cast<std::size_t>(rows * columns * 2));
    check(driver().cuMemsetD16(d.get(), 0x3f80, static_cast<std::size_t>(rows * columns)), "filling");
    const Buffer x = Buffer::make(static_cast<std::size_t>(rows * columns * 8));
    check(driver().cuMemsetD16(x.get(), 0x3f80, static_cast<std::size_t>(rows * columns * 4)), "filling");  // a little over 1
    PassArgs args{};
    args.x = x.data(), args.d = d.data(), args.ldx = args.ldd = columns;
    args.rows = rows, args.columns = columns, args.alpha = 1;
    if (gated) args.gated = 1, args.x2 = x.data<float>() + columns, args.ldx = 2 * columns;
    const Pass pass(resources(), activation, DType::bf16);
    constexpr int kRepeat = 20;
    const Graph graph = Graph::capture(stream.get(), [&](CUstream s) {
      for (int i = 0; i < kRepeat; ++i) pass.launch(s, args);
    });
    const Event start = Event::make(), stop = Event::make();
    double best = 1e30;
    for (int i = 0; i < 5; ++i) {
      start.record(stream.get());
      graph.launch(stream.get());
      stop.record(stream.get());
      stop.synchronize();
      best = std::min(best, stop.us_since(start) / kRepeat);
    }
    MESSAGE(std::string(name(activation)), std::string(gated ? " bf16 gated " : " bf16 "), rows, "x", columns, ": ", best,
            " us, ", (gated ? 10.0 : 6.0) * rows * columns / best * 1e-6, " TB/s");
    CHECK(best > 0);
  };
  report(16, 4096, Activation::silu);
  report(4096, 4096, Activation::silu);
  report(16384, 16384, Activation::relu);
  report(16384, 16384, Activation::silu);
  report(16384, 16384, Activation::gelu_erf);
  report(16384, 16383, Activation::silu);
  report(4096, 14336, Activation::silu, true);
  report(16384, 14336, Activation::gelu_erf, true);
  report(64, 16383, Activation::silu);
}
