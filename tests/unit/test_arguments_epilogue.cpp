// Gate, aux and scales: what a caller writes and what the canonical form computes, and every way to get it wrong.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "api/cublas_arguments.hpp"
#include "core/activation.hpp"
#include "refusal.hpp"

using namespace ak;

namespace {

// Elements are small integers, kept as the upper half of a float (bf16) or as a float.
double read(const void* data, DType dtype, std::int64_t at) {
  if (dtype == DType::f32) return static_cast<const float*>(data)[at];
  const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(data)[at]) << 16;
  float value;
  static_assert(sizeof value == sizeof bits);
  __builtin_memcpy(&value, &bits, 4);
  return value;
}

struct Memory {
  std::vector<std::uint32_t> bytes = std::vector<std::uint32_t>(400);
  std::mt19937 random;

  explicit Memory(unsigned seed) : random(seed) {}
  Memory& fill(DType dtype) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const float value = static_cast<float>(static_cast<int>(random() % 5) - 2);
      if (dtype == DType::f32)
        reinterpret_cast<float*>(bytes.data())[i] = value;
      else
        for (int half = 0; half < 2; ++half)
          reinterpret_cast<std::uint16_t*>(bytes.data())[2 * i + half] =
              static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, value) >> 16);
    }
    return *this;
  }
};

std::int64_t offset(const ConstMatrix& x, std::int64_t row, std::int64_t col) {
  return x.order == Order::row ? row * x.ld + col : col * x.ld + row;
}
double at(const ConstMatrix& x, std::int64_t row, std::int64_t col) { return read(x.data, x.dtype, offset(x, row, col)); }
void put(const Matrix& x, std::int64_t row, std::int64_t col, double value) {
  static_cast<float*>(x.data)[offset(x, row, col)] = static_cast<float>(value);
}

// include/ak/types.hpp's words, taken literally.
void run_as_written(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& e) {
  const auto pre = [&](std::int64_t row, std::int64_t col, std::int64_t half) {
    const bool apart = e.up.cols > 0;
    const std::int64_t wide = half * d.cols + col;
    double sum = 0;
    for (std::int64_t k = 0; e.alpha != 0 && k < a.cols; ++k)
      sum += at(a, row, k) * (half && apart ? at(e.up, k, col) : at(b, k, wide));
    double x = e.alpha * sum;
    if (sum != 0 && e.row_scale) x *= e.row_scale[row];
    if (sum != 0 && e.column_scale) x *= e.column_scale[wide];
    if (e.bias) x += read(e.bias, e.bias_dtype, wide);
    if (e.beta != 0) x += e.beta * at(e.c, row, col);
    if (e.aux.data) put(e.aux, row, wide, x);
    return x;
  };
  for (std::int64_t row = 0; row < d.rows; ++row)
    for (std::int64_t col = 0; col < d.cols; ++col) {
      const double y = activate(e.activation, pre(row, col, 0), e.slope);
      put(d, row, col, e.gated ? y * pre(row, col, 1) : y);
    }
}

// kernels/args.cuh's words.
void run_canonical(const CanonicalCall& call) {
  const Problem& p = call.problem;
  const EpilogueSpec& e = p.epilogue;
  const CallArgs& g = call.args;
  const auto pre = [&](std::int64_t m, std::int64_t n, std::int64_t half) {
    const std::int64_t wide = half * p.n + n;
    double x = 0;
    for (std::int64_t k = 0; k < p.k; ++k)
      x += read(g.a.data, p.in, p.a_major == Major::k ? m * g.a.ld + k : k * g.a.ld + m) *
           read(half ? g.b2.data : g.b.data, p.in, p.b_major == Major::k ? n * g.b.ld + k : k * g.b.ld + n);
    if (!e.unit_alpha) x *= g.alpha;
    if (e.row_scale) x *= g.row_scale[m];
    if (e.column_scale) x *= g.column_scale[wide];
    if (e.bias != BiasAxis::none) x += read(g.bias, e.bias_dtype, e.bias == BiasAxis::column ? wide : m);
    if (e.has_c) x += g.beta * static_cast<const float*>(g.c.data)[m * g.c.ld + n];
    if (e.aux) static_cast<float*>(g.aux.data)[m * g.aux.ld + wide] = static_cast<float>(x);
    return x;
  };
  for (std::int64_t m = 0; m < p.m; ++m)
    for (std::int64_t n = 0; n < p.n; ++n) {
      const double y = activate(e.activation, pre(m, n, 0), g.slope);
      static_cast<float*>(g.d.data)[m * g.d.ld + n] = static_cast<float>(e.gated ? y * pre(m, n, 1) : y);
    }
}

void* address(std::uintptr_t at) { return reinterpret_cast<void*>(at); }

// 8 x 16 by a packed 16 x 64, so D is 8 x 32; far apart in memory that nobody reads.
struct Views {
  ConstMatrix a{address(0x10000), 8, 16, 16, DType::bf16, Order::row};
  ConstMatrix b{address(0x20000), 16, 64, 64, DType::bf16, Order::row};
  Matrix d{address(0x30000), 8, 32, 32, DType::bf16, Order::row};
  Epilogue e;
  Views() { e.gated = true; }
  void separate() {
    b.cols = 32;
    e.up = b;
    e.up.data = address(0x28000);
  }
  void with_aux() { e.aux = {address(0x40000), 8, 64, 64, DType::bf16, Order::row}; }
  CanonicalCall call(Pointers data = Pointers::required) const { return canonicalize(a, b, d, e, data); }
};

std::string refusal(const std::function<void(Views&)>& change, ErrorCode code = ErrorCode::invalid_argument) {
  return test::refusal_of<Views>(change, code);
}
using test::begins;
constexpr auto kUnsupported = ErrorCode::unsupported;

}  // namespace

TEST_CASE("gate, aux and scales: the canonical form computes what the caller wrote, in every order") {
  int cases = 0;
  for (int bits = 0; bits < 64; ++bits)
    for (int orders = 0; orders < 8; ++orders)
      for (const auto& [m, n, k] : {std::array<int, 3>{5, 3, 7}, {1, 4, 2}, {6, 1, 1}, {3, 4, 0}})
        for (const float alpha : {1.0f, -2.0f, 0.0f}) {
          const bool gated = bits & 1, apart = bits & 2, aux = bits & 4, rows = bits & 8, columns = bits & 16, bias = bits & 32;
          const auto order = [&](int bit) { return orders >> bit & 1 ? Order::col : Order::row; };
          if (gated ? order(2) == Order::col : apart) continue;
          const auto ld = [](Order o, int rows, int cols) { return (o == Order::row ? cols : rows) + 2; };
          Memory a_data(1), b_data(2), up_data(3), c_data(4), bias_data(5), row_data(6), column_data(7), expected(8),
              computed(8), expected_aux(9), computed_aux(9);
          for (Memory* each : {&a_data, &b_data, &up_data}) each->fill(DType::bf16);
          for (Memory* each :
               {&c_data, &bias_data, &row_data, &column_data, &expected, &computed, &expected_aux, &computed_aux})
            each->fill(DType::f32);
          const int wide = gated ? 2 * n : n, b_columns = apart ? n : wide;
          const ConstMatrix a{a_data.bytes.data(), m, k, ld(order(0), m, k), DType::bf16, order(0)};
          const ConstMatrix b{b_data.bytes.data(), k, b_columns, ld(order(1), k, b_columns), DType::bf16, order(1)};
          Matrix d{expected.bytes.data(), m, n, ld(order(2), m, n), DType::f32, order(2)};
          Epilogue e;
          e.activation = Activation::leaky_relu, e.slope = 0.25f, e.alpha = alpha;
          e.gated = gated;
          if (apart) e.up = b, e.up.data = up_data.bytes.data();
          if (aux) e.aux = {expected_aux.bytes.data(), m, wide, ld(order(2), m, wide) + 1, DType::f32, order(2)};
          if (rows) e.row_scale = reinterpret_cast<const float*>(row_data.bytes.data());
          if (columns) e.column_scale = reinterpret_cast<const float*>(column_data.bytes.data());
          if (bias) e.bias = bias_data.bytes.data(), e.bias_dtype = DType::f32;
          if (!gated && m > 1) e.beta = 3, e.c = {c_data.bytes.data(), m, n, d.ld, DType::f32, order(2)};
          run_as_written(a, b, d, e);
          d.data = computed.bytes.data();
          if (aux) e.aux.data = computed_aux.bytes.data();
          const CanonicalCall call = canonicalize(a, b, d, e);
          CHECK(call.problem.n == (order(2) == Order::col ? m : n));
          run_canonical(call);
          // By value: 0 and -0 are the same.
          const auto same = [](const Memory& x, const Memory& y) {
            for (std::size_t i = 0; i < x.bytes.size(); ++i)
              if (__builtin_bit_cast(float, x.bytes[i]) != __builtin_bit_cast(float, y.bytes[i])) return false;
            return true;
          };
          REQUIRE(same(expected, computed));
          REQUIRE(same(expected_aux, computed_aux));
          ++cases;
        }
  CHECK(cases > 2000);
}

TEST_CASE("a packed B and two matrices are one problem; the class is that of both starts") {
  Views packed, apart;
  apart.separate();
  CHECK(packed.call().problem == apart.call().problem);
  CHECK(packed.call().problem.n == 32);
  CHECK(packed.call().args.b2.data == address(0x20000 + 2 * 32));
  CHECK(apart.call().args.b2.data == address(0x28000));
  CHECK(packed.call(Pointers::optional).problem == packed.call().problem);

  const auto narrow = [](Views& v) { v.d.cols = v.d.ld = 30, v.b.cols = 60; };  // the up begins 60 bytes on
  narrow(packed);
  CHECK(packed.call().problem.align_b == 4);
  packed.b.data = nullptr;
  CHECK(packed.call(Pointers::optional).problem.align_b == 4);  // whoever asks ahead is told of the same problem
  CHECK(packed.call(Pointers::optional).args.b2.data == nullptr);
  apart.e.up.data = address(0x28008);
  CHECK(apart.call().problem.align_b == 8);
  packed = Views();
  packed.b.order = Order::col, packed.b.ld = 16;  // columns of 16 elements
  CHECK(packed.call().args.b2.data == address(0x20000 + 2 * 32 * 16));
  CHECK(packed.call().problem.align_b == 16);
  CHECK(packed.call().problem.b_major == Major::k);
}

TEST_CASE("aux has the class of D or less, and what is not read makes no other problem") {
  Views v;
  v.with_aux();
  CHECK(v.call().problem.epilogue.aux);
  CHECK(v.call().problem.align_d == 16);
  v.e.aux.ld = 68;
  CHECK(v.call().problem.align_d == 8);
  CHECK(v.call().args.aux.ld == 68);
  v.e.row_scale = static_cast<const float*>(address(0x50004));
  CHECK(v.call().problem.epilogue.row_scale);
  CHECK_FALSE(v.call().problem.epilogue.column_scale);
  // alpha = 0: neither B nor scales are read, and aux is the bias alone.
  v.e.alpha = 0;
  v.a.data = v.b.data = nullptr;
  const CanonicalCall call = v.call();
  CHECK(call.problem.k == 0);
  CHECK(call.problem.epilogue.gated);
  CHECK(call.problem.epilogue.aux);
  CHECK_FALSE(call.problem.epilogue.row_scale);
  CHECK(call.args.b2.data == nullptr);
  CHECK(call.args.row_scale == nullptr);
}

TEST_CASE("cuBLAS-shaped: gate and up are rows of A, aux and scales lie as C does") {
  const int m = 5, n = 3, k = 7;
  for (const int transa : {ak_cublas_op_n, ak_cublas_op_t})
    for (int bits = 0; bits < 16; ++bits) {
      const bool gated = bits & 1, aux = bits & 2, rows = bits & 4, columns = bits & 8;
      const int wide = gated ? 2 * m : m, lda = transa == ak_cublas_op_n ? wide + 1 : k + 1, ldb = k + 2, ldc = m + 1,
                ldaux = wide + 2;
      Memory a(1), b(2), bias(3), row_scale(4), column_scale(5), c(6), stored(7), expected(8), expected_aux(9);
      for (Memory* each : {&a, &b}) each->fill(DType::bf16);
      for (Memory* each : {&bias, &row_scale, &column_scale, &c, &stored}) each->fill(DType::f32);
      expected.bytes = c.bytes, expected_aux.bytes = stored.bytes;
      const auto f32 = [](Memory& x) { return reinterpret_cast<float*>(x.bytes.data()); };
      for (int col = 0; col < n; ++col)
        for (int row = 0; row < m; ++row) {
          float pre[2] = {};
          for (int half = 0; half < (gated ? 2 : 1); ++half) {
            const int at = half * m + row;
            double sum = 0;
            for (int i = 0; i < k; ++i)
              sum += read(a.bytes.data(), DType::bf16, transa == ak_cublas_op_n ? at + i * lda : i + at * lda) *
                     read(b.bytes.data(), DType::bf16, i + col * ldb);
            pre[half] = static_cast<float>(2 * sum * (rows ? f32(row_scale)[at] : 1) * (columns ? f32(column_scale)[col] : 1) +
                                           f32(bias)[at]);
            if (aux) f32(expected_aux)[at + col * ldaux] = pre[half];
          }
          f32(expected)[row + col * ldc] = std::max(pre[0], 0.0f) * (gated ? pre[1] : 1);
        }
      ak_cublas_epilogue e = AK_CUBLAS_EPILOGUE_INIT;
      e.activation = ak_activation_relu, e.bias = bias.bytes.data(), e.biasType = ak_cublas_r_32f, e.gated = gated;
      if (aux) e.aux = stored.bytes.data(), e.ldaux = ldaux;
      if (rows) e.row_scale = f32(row_scale);
      if (columns) e.column_scale = f32(column_scale);
      const float alpha = 2, beta = 0;
      CublasArguments x{transa,
                        ak_cublas_op_n,
                        m,
                        n,
                        k,
                        alpha,
                        a.bytes.data(),
                        ak_cublas_r_16bf,
                        lda,
                        b.bytes.data(),
                        ak_cublas_r_16bf,
                        ldb,
                        beta,
                        c.bytes.data(),
                        ak_cublas_r_32f,
                        ldc,
                        ak_cublas_compute_32f,
                        e};
      run_canonical(canonicalize_cublas(x));
      CAPTURE(bits);
      for (std::size_t i = 0; i < c.bytes.size(); ++i) {
        REQUIRE(f32(c)[i] == f32(expected)[i]);
        REQUIRE(f32(stored)[i] == f32(expected_aux)[i]);
      }
      const auto refused = [&](const char* why) {
        CHECK_THROWS_WITH_AS(canonicalize_cublas(x), doctest::Contains(why), Error);
      };
      if (aux) x.epilogue.ldaux = 1, refused("aux: leading dimension 1"), x.epilogue.ldaux = ldaux;
      if (rows) x.epilogue.row_scale = static_cast<const float*>(address(0x50002)), refused("row_scale: data");
      x.epilogue.activation = static_cast<ak_activation>(-1), refused("activation: -1 is not");
      x.epilogue.activation = ak_activation_relu, x.epilogue.row_scale = nullptr;
      x.beta = 1;
      if (gated) refused("C: a gated product has none, beta must be 0");
    }
}

TEST_CASE("scales change places under a column-major D") {
  Views v;
  v.e.gated = false, v.b.cols = 32, v.d.order = Order::col, v.d.ld = 8;
  v.e.row_scale = static_cast<const float*>(address(0x50000));
  const CanonicalCall call = v.call();
  CHECK(call.problem.epilogue.column_scale);
  CHECK_FALSE(call.problem.epilogue.row_scale);
  CHECK(call.args.column_scale == v.e.row_scale);
  CHECK(call.args.row_scale == nullptr);
}

TEST_CASE("what does not fit together is refused by name") {
  CHECK(refusal([](Views&) {}) == "");
  CHECK(refusal([](Views& v) { v.separate(), v.with_aux(); }) == "");
  CHECK(begins(refusal([](Views& v) { v.b.cols = 32; }),
               "b: has 32 columns, a gated product needs 64 (twice d's 32), or set epilogue.up"));
  CHECK(begins(refusal([](Views& v) { v.b.cols = 63; }), "b: has 63 columns, a gated product needs 64"));
  CHECK(begins(refusal([](Views& v) { v.separate(), v.b.cols = 64, v.b.ld = 64; }),
               "epilogue.up: given, though b is 16 x 64, as wide as gate and up together; with it, b is the gate's 16 x 32"));
  CHECK(
      begins(refusal([](Views& v) { v.separate(), v.e.gated = false; }), "epilogue.up: given, but epilogue.gated is not set"));
  CHECK(begins(refusal([](Views& v) { v.d.order = Order::col; }, kUnsupported), "d: a gated product is stored row-major"));
  CHECK(begins(refusal([](Views& v) { v.e.beta = 2, v.e.c = v.d; }, kUnsupported), "epilogue.c: a gated product has none"));
  const auto wide = [](Views& v) {
    v.b.cols = v.b.ld = v.d.cols = v.d.ld = std::int64_t{1} << 30;
    v.e.up = v.b;
  };
  CHECK(begins(refusal(wide, kUnsupported), "d: gate and up together have over 2^31 - 1 columns"));
  CHECK(begins(refusal([](Views& v) { v.separate(), v.e.up.rows = 15; }), "epilogue.up: 15 x 32 differs from b's 16 x 32"));
  CHECK(begins(refusal([](Views& v) { v.separate(), v.e.up.data = nullptr; }), "epilogue.up: data is null"));
  CHECK(begins(refusal([](Views& v) { v.separate(), v.e.up.ld = 72; }, kUnsupported),
               "epilogue.up: its dtype, storage order or"));
  CHECK(begins(refusal([](Views& v) { v.separate(), v.e.up.dtype = DType::f16; }, kUnsupported), "epilogue.up: its dtype"));
  const auto with_aux = [](const std::function<void(Views&)>& change, ErrorCode code = ErrorCode::invalid_argument) {
    return refusal([&](Views& v) { v.with_aux(), change(v); }, code);
  };
  CHECK(with_aux([](Views&) {}) == "");
  CHECK(begins(with_aux([](Views& v) { v.e.aux.cols = 32; }), "epilogue.aux: 8 x 32, 8 x 64 expected"));
  CHECK(begins(with_aux([](Views& v) { v.e.gated = false, v.b.cols = 32; }), "epilogue.aux: 8 x 64, 8 x 32 expected"));
  CHECK(begins(with_aux([](Views& v) { v.e.aux.data = nullptr; }), "epilogue.aux: data is null"));
  CHECK(begins(with_aux([](Views& v) { v.e.aux.ld = 60; }), "epilogue.aux: leading dimension 60"));
  CHECK(begins(with_aux([](Views& v) { v.e.aux.dtype = DType::f32; }, kUnsupported), "epilogue.aux: dtype f32"));
  CHECK(begins(with_aux([](Views& v) { v.e.aux.order = Order::col; }, kUnsupported), "epilogue.aux: its storage order"));
  CHECK(begins(refusal([](Views& v) { v.e.row_scale = static_cast<const float*>(address(0x50002)); }),
               "epilogue.row_scale: data"));
}

TEST_CASE("aux overlaps nothing, and nothing that is read lies in D") {
  const auto aux_at = [](
                          std::uintptr_t at, const std::function<void(Views&)>& more = [](Views&) {}) {
    return refusal([&](Views& v) { v.with_aux(), more(v), v.e.aux.data = address(at); });
  };
  CHECK(begins(aux_at(0x30000), "epilogue.aux: overlaps d"));
  CHECK(begins(aux_at(0x10000), "epilogue.aux: overlaps a"));
  CHECK(begins(aux_at(0x20000 + 64), "epilogue.aux: overlaps b"));
  CHECK(begins(aux_at(0x28000, [](Views& v) { v.separate(); }), "epilogue.aux: overlaps epilogue.up"));
  CHECK(begins(aux_at(0x50000, [](Views& v) { v.e.bias = address(0x50000 + 100); }), "epilogue.bias: overlaps epilogue.aux"));
  CHECK(begins(aux_at(0x50000, [](Views& v) { v.e.row_scale = static_cast<const float*>(address(0x50010)); }),
               "epilogue.row_scale: overlaps epilogue.aux"));
  CHECK(begins(refusal([](Views& v) { v.separate(), v.e.up.data = address(0x30000); }), "d: overlaps epilogue.up"));
  CHECK(begins(refusal([](Views& v) { v.e.column_scale = static_cast<const float*>(address(0x2ff10)); }),
               "epilogue.column_scale: overlaps d"));  // 64 floats: its last 16 bytes
  CHECK(refusal([](Views& v) { v.e.column_scale = static_cast<const float*>(address(0x2ff00)); }) == "");
  CHECK(begins(aux_at(0x60000,
                      [](Views& v) {
                        v.e.gated = false, v.b.cols = 32, v.e.aux.cols = v.e.aux.ld = 32;
                        v.e.beta = 1, v.e.c = v.d, v.e.c.data = address(0x60000);
                      }),
               "epilogue.aux: overlaps epilogue.c"));
}
