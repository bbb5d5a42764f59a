#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "ak/ak.hpp"
#include "ak/cublas.h"
#include "api/cublas_arguments.hpp"
#include "core/activation.hpp"
#include "refusal.hpp"

using namespace ak;

namespace {

float* at(std::uintptr_t address) { return reinterpret_cast<float*>(address); }

// Row-major bf16 views of a 5 x 7 by 7 x 3 product, far apart in memory that nobody reads.
struct Views {
  ConstMatrix a{at(0x10000), 5, 7, 8, DType::bf16, Order::row};
  ConstMatrix b{at(0x20000), 7, 3, 8, DType::bf16, Order::row};
  Matrix d{at(0x30000), 5, 3, 8, DType::bf16, Order::row};
  Epilogue e;
  CanonicalCall call(Pointers data = Pointers::required) const { return canonicalize(a, b, d, e, data); }
};

// The error of a call that was changed in one place; "" when it passes.
std::string refusal(const std::function<void(Views&)>& change, ErrorCode code = ErrorCode::invalid_argument) {
  return test::refusal_of<Views>(change, code);
}
using test::begins;

// --- a host GEMM on both forms ---------------------------------------------------------------------------------------

float from_bf16(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}
std::uint16_t to_bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<std::uint16_t>(bits >> 16);
}

std::int64_t offset(const ConstMatrix& x, std::int64_t row, std::int64_t col) {
  return x.order == Order::row ? row * x.ld + col : col * x.ld + row;
}

void run_as_written(const ConstMatrix& a, const ConstMatrix& b, const Matrix& d, const Epilogue& e) {
  for (std::int64_t row = 0; row < d.rows; ++row)
    for (std::int64_t col = 0; col < d.cols; ++col) {
      double sum = 0;
      if (e.alpha != 0)
        for (std::int64_t k = 0; k < a.cols; ++k)
          sum += static_cast<double>(from_bf16(static_cast<const std::uint16_t*>(a.data)[offset(a, row, k)])) *
                 from_bf16(static_cast<const std::uint16_t*>(b.data)[offset(b, k, col)]);
      double x = e.alpha * sum;
      if (e.bias) x += static_cast<const float*>(e.bias)[col];
      if (e.beta != 0) x += e.beta * static_cast<const float*>(e.c.data)[offset(e.c, row, col)];
      static_cast<float*>(d.data)[offset(d, row, col)] = static_cast<float>(activate(e.activation, x, e.slope));
    }
}

void run_canonical(const CanonicalCall& call) {
  const Problem& p = call.problem;
  const CallArgs& g = call.args;
  REQUIRE(g.m == p.m);
  REQUIRE(g.n == p.n);
  REQUIRE(g.k == p.k);
  const auto* a = static_cast<const std::uint16_t*>(g.a.data);
  const auto* b = static_cast<const std::uint16_t*>(g.b.data);
  for (std::int64_t m = 0; m < p.m; ++m)
    for (std::int64_t n = 0; n < p.n; ++n) {
      double sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k)
        sum += static_cast<double>(from_bf16(p.a_major == Major::k ? a[m * g.a.ld + k] : a[k * g.a.ld + m])) *
               from_bf16(p.b_major == Major::k ? b[n * g.b.ld + k] : b[k * g.b.ld + n]);
      double x = (p.epilogue.unit_alpha ? 1.0f : g.alpha) * sum;
      if (p.epilogue.bias == BiasAxis::column) x += static_cast<const float*>(g.bias)[n];
      if (p.epilogue.bias == BiasAxis::row) x += static_cast<const float*>(g.bias)[m];
      if (p.epilogue.has_c) x += g.beta * static_cast<const float*>(g.c.data)[m * g.c.ld + n];
      static_cast<float*>(g.d.data)[m * g.d.ld + n] = static_cast<float>(activate(p.epilogue.activation, x, g.slope));
    }
}

}  // namespace

TEST_CASE("the canonical form computes the same numbers for every order, bias, alpha and beta") {
  std::mt19937 random(7);
  const auto small = [&] { return static_cast<float>(static_cast<int>(random() % 7) - 3); };
  int cases = 0;
  for (int orders = 0; orders < 8; ++orders)
    for (const auto [m, n, k] : {std::array<int, 3>{5, 3, 7}, {1, 4, 9}, {6, 1, 2}, {1, 1, 1}, {4, 4, 0}})
      for (const bool bias : {false, true})
        for (const float alpha : {1.0f, -2.0f, 0.0f})
          for (const float beta : {0.0f, 3.0f})
            for (const bool in_place : {false, true}) {
              const auto order = [&](int bit) { return orders >> bit & 1 ? Order::col : Order::row; };
              const auto ld = [](Order o, int rows, int cols) { return (o == Order::row ? cols : rows) + 2; };
              std::vector<std::uint16_t> a_data(200), b_data(200);
              std::vector<float> c_data(200), bias_data(20), expected(200), computed(200);
              for (auto& x : a_data) x = to_bf16(small());
              for (auto& x : b_data) x = to_bf16(small());
              for (auto& x : c_data) x = small();
              for (auto& x : bias_data) x = small();
              for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = computed[i] = small();
              const ConstMatrix a{a_data.data(), m, k, ld(order(0), m, k), DType::bf16, order(0)};
              const ConstMatrix b{b_data.data(), k, n, ld(order(1), k, n), DType::bf16, order(1)};
              Matrix d{expected.data(), m, n, ld(order(2), m, n), DType::f32, order(2)};
              Epilogue e{Activation::leaky_relu, alpha, beta, 0.25f, bias ? bias_data.data() : nullptr, DType::f32, {}};
              e.c = in_place ? ConstMatrix(d) : ConstMatrix{c_data.data(), m, n, d.ld, DType::f32, order(2)};
              run_as_written(a, b, d, e);
              d.data = computed.data();
              if (in_place) e.c = d;
              run_canonical(canonicalize(a, b, d, e));
              REQUIRE(expected == computed);
              ++cases;
            }
  CHECK(cases == 8 * 5 * 2 * 3 * 2 * 2);
}

TEST_CASE(
    "a batch of 1 is served, whatever its stride, and strides follow their operands; any other batch is refused by name") {
  Views v;
  v.a.batch_stride = 11, v.b.batch_stride = 22, v.d.batch_stride = 33;
  CallArgs args = v.call().args;
  CHECK(args.a.batch_stride == 11);
  CHECK(args.b.batch_stride == 22);
  CHECK(args.d.batch_stride == 33);
  v.d.order = Order::col;
  args = v.call().args;
  CHECK(args.a.batch_stride == 22);
  CHECK(args.b.batch_stride == 11);
  v.a.batch = 4;
  CHECK(v.a.transposed().batch == 4);
  CHECK(v.a.transposed().batch_stride == 11);
  CHECK(ConstMatrix(v.d.transposed()).batch_stride == 33);

  const auto unsupported = [](const std::function<void(Views&)>& change) { return refusal(change, ErrorCode::unsupported); };
  CHECK(unsupported([](Views& v) { v.a.batch = 4; }) == "a: a batch of 4 matrices is not served yet, only of 1");
  CHECK(begins(unsupported([](Views& v) { v.b.batch = 0; }), "b: a batch of 0 matrices"));
  CHECK(begins(unsupported([](Views& v) { v.d.batch = 2; }), "d: a batch of 2 matrices"));
  CHECK(begins(unsupported([](Views& v) { v.e.beta = 1, v.e.c = v.d, v.e.c.batch = 2; }), "epilogue.c: a batch of 2"));
  CHECK(begins(unsupported([](Views& v) { v.e.aux = v.d, v.e.aux.data = at(0x50000), v.e.aux.batch = 2; }),
               "epilogue.aux: a batch"));
  CHECK(refusal([](Views& v) { v.a.batch = -1; }) == "a: a batch of -1 matrices");
}

TEST_CASE("a row-major D keeps its operands, a column-major D swaps them") {
  Views v;
  v.e.bias = at(0x40000);
  auto call = v.call();
  CHECK(call.problem.m == 5);
  CHECK(call.problem.n == 3);
  CHECK(call.problem.a_major == Major::k);
  CHECK(call.problem.b_major == Major::mn);
  CHECK(call.problem.epilogue.bias == BiasAxis::column);
  CHECK(call.args.a.data == v.a.data);
  v.d.order = Order::col;
  call = v.call();
  CHECK(call.problem.m == 3);
  CHECK(call.problem.n == 5);
  CHECK(call.args.a.data == v.b.data);
  CHECK(call.args.b.data == v.a.data);
  CHECK(call.problem.a_major == Major::mn);
  CHECK(call.problem.b_major == Major::k);
  CHECK(call.problem.epilogue.bias == BiasAxis::row);
}

TEST_CASE("what a kernel does not read does not make another problem") {
  const Problem plain = Views().call().problem;
  Views v;
  v.e.bias_dtype = DType::f32;                             // no bias
  v.e.c = {at(0x50002), 9, 9, 9, DType::f16, Order::col};  // beta is 0: C may be anything
  v.e.slope = 3;                                           // a launch argument
  CHECK(v.call().problem == plain);
  CHECK(v.call().args.c.data == nullptr);
  CHECK(v.call().args.beta == 0.0f);
  v.e.alpha = 2;
  CHECK(!v.call().problem.epilogue.unit_alpha);
  const Problem scaled = v.call().problem;
  v.e.alpha = 5;
  CHECK(v.call().problem == scaled);
  CHECK(v.call().args.alpha == 5.0f);
}

TEST_CASE("alignment classes come from pointer and leading dimension") {
  const auto aligned = [](std::uintptr_t address, std::int64_t ld, DType dtype = DType::bf16) {
    Views v;
    v.d = {at(address), 5, 3, ld, dtype, Order::row};
    return static_cast<int>(v.call().problem.align_d);
  };
  CHECK(aligned(0x30000, 8) == 16);
  CHECK(aligned(0x30000, 4) == 8);
  CHECK(aligned(0x30000, 6) == 4);
  CHECK(aligned(0x30000, 7) == 2);
  CHECK(aligned(0x30008, 8) == 8);
  CHECK(aligned(0x30004, 8) == 4);
  CHECK(aligned(0x30002, 8) == 2);
  CHECK(aligned(0x30000, 3, DType::f32) == 4);
  CHECK(aligned(0x30000, 6, DType::f32) == 8);
  CHECK(aligned(0x30000, 4, DType::f32) == 16);
}

TEST_CASE("one stored line has no leading dimension, so only its pointer counts") {
  Views v;
  v.a = {at(0x10000), 1, 7, 7, DType::bf16, Order::row};
  v.d = {at(0x30000), 1, 3, 3, DType::bf16, Order::row};
  const auto call = v.call();
  CHECK(call.problem.align_a == 16);
  CHECK(call.problem.align_d == 16);
  CHECK(call.args.a.ld == 8);  // a legal stride for 16-byte access, never less than the line
  CHECK(call.args.d.ld == 8);
  v.a.data = at(0x10004);
  CHECK(v.call().problem.align_a == 4);
}

TEST_CASE("zero sizes: nothing to compute, or a k = 0 problem that reads neither A nor B") {
  Views v;
  v.a.rows = v.d.rows = 0;
  v.a.data = v.b.data = v.d.data = nullptr;
  CHECK(v.call().empty);
  v = Views();
  v.b.cols = v.d.cols = 0;
  CHECK(v.call().empty);
  v = Views();
  v.a.cols = v.b.rows = 0;
  v.a.data = v.b.data = nullptr;
  const auto no_k = v.call();
  CHECK(!no_k.empty);
  CHECK(no_k.problem.k == 0);
  CHECK(no_k.args.k == 0);
  v = Views();
  v.e.alpha = 0;
  v.a.data = v.b.data = nullptr;
  v.a.order = Order::col;
  CHECK(v.call().problem == no_k.problem);
  CHECK(v.call().args.alpha == 1.0f);
  v.e.alpha = 2;
  v.a.cols = v.b.rows = 0;
  CHECK(v.call().problem == no_k.problem);
}

TEST_CASE("beta decides whether C is read: a NaN in it or no C at all does not matter when beta is 0") {
  Views v;
  v.e.c = {};
  CHECK(!v.call().problem.epilogue.has_c);
  v.e.beta = std::numeric_limits<float>::quiet_NaN();
  v.e.c = {at(0x50000), 5, 3, 4, DType::bf16, Order::row};
  CHECK(v.call().problem.epilogue.has_c);
  CHECK(v.call().problem.align_c == 8);
}

TEST_CASE("a null, negative, short or inconsistent argument is named") {
  CHECK(refusal([](Views&) {}) == "");
  CHECK(begins(refusal([](Views& v) { v.a.data = nullptr; }), "a: data is null"));
  CHECK(begins(refusal([](Views& v) { v.b.data = nullptr; }), "b: data is null"));
  CHECK(begins(refusal([](Views& v) { v.d.data = nullptr; }), "d: data is null"));
  CHECK(begins(refusal([](Views& v) { v.a.rows = -1; }), "a: negative size"));
  CHECK(begins(refusal([](Views& v) { v.b.cols = -3; }), "b: negative size"));
  CHECK(begins(refusal([](Views& v) { v.d.cols = -3; }), "d: negative size"));
  CHECK(begins(refusal([](Views& v) { v.a.ld = 6; }), "a: leading dimension 6"));
  CHECK(begins(refusal([](Views& v) { v.b.order = Order::col, v.b.ld = 6; }), "b: leading dimension 6"));
  CHECK(begins(refusal([](Views& v) { v.d.ld = 2; }), "d: leading dimension 2"));
  CHECK(begins(refusal([](Views& v) { v.a.ld = std::numeric_limits<std::int64_t>::max() / 2; }), "a: leading dimension"));
  CHECK(begins(refusal([](Views& v) { v.b.rows = 6; }), "b: its 6 rows"));
  CHECK(begins(refusal([](Views& v) { v.d.rows = 4; }), "d: its 4 rows"));
  CHECK(begins(refusal([](Views& v) { v.d.cols = 2; }), "d: its 2 columns"));
  CHECK(begins(refusal([](Views& v) { v.a.data = at(0x10001); }), "a: data 0x10001 is not aligned"));
  CHECK(begins(refusal([](Views& v) { v.d.dtype = DType::f32, v.d.data = at(0x30002); }), "d: data 0x30002 is not aligned"));
  CHECK(begins(refusal([](Views& v) { v.e.bias = at(0x40001); }), "epilogue.bias: data"));
  CHECK(begins(refusal([](Views& v) { v.e.activation = static_cast<Activation>(200); }), "epilogue.activation: 200"));
  CHECK(begins(refusal([](Views& v) { v.b.order = static_cast<Order>(9); }), "b: 9"));
  CHECK(begins(refusal([](Views& v) { v.d.dtype = static_cast<DType>(9); }), "d: 9"));
}

TEST_CASE("dtypes and sizes that no kernel serves are unsupported, by name") {
  const auto unsupported = ErrorCode::unsupported;
  CHECK(begins(refusal([](Views& v) { v.a.dtype = v.b.dtype = DType::f32; }, unsupported), "a: f32 inputs"));
  CHECK(begins(refusal([](Views& v) { v.b.dtype = DType::f16; }, unsupported), "b: dtype f16"));
  const auto big = [](Views& v) { v.a.rows = v.d.rows = 1ll << 31; };
  CHECK(begins(refusal(big, unsupported), "a: 2147483648 x 7"));
  for (const DType out : {DType::f16, DType::bf16, DType::f32}) CHECK(refusal([out](Views& v) { v.d.dtype = out; }) == "");
}

TEST_CASE("more than 2^31 elements pass: leading dimensions and offsets are 64 bits") {
  Views v;
  v.a = {at(std::uintptr_t(1) << 40), 100000, 65536, 70000, DType::bf16, Order::row};
  v.b = {at(std::uintptr_t(1) << 44), 65536, 100000, 100000, DType::bf16, Order::row};
  v.d = {at(std::uintptr_t(1) << 46), 100000, 100000, 100000, DType::f32, Order::row};
  CHECK(v.call().args.a.ld == 70000);
  v.d.data = at((std::uintptr_t(1) << 40) + 99999ull * 70000 * 2);  // the last line of A
  CHECK_THROWS_WITH_AS(v.call(), doctest::Contains("d: overlaps a"), Error);
}

TEST_CASE("D may not overlap what is read, except as C") {
  CHECK(begins(refusal([](Views& v) { v.d.data = at(0x10000); }), "d: overlaps a"));
  CHECK(begins(refusal([](Views& v) { v.d.data = at(0x20000 + 2 * 8 * 6); }), "d: overlaps b"));
  CHECK(refusal([](Views& v) { v.d.data = at(0x20000 + 2 * (8 * 6 + 3)); }) == "");  // directly behind B
  CHECK(begins(refusal([](Views& v) { v.d.data = at(0x20000 + 2 * (8 * 6 + 2)); }), "d: overlaps b"));
  CHECK(begins(refusal([](Views& v) { v.e.bias = at(0x30000 + 16); }), "epilogue.bias: overlaps d"));
  // Columns 0..6 and 8..10 of one buffer, 16 wide: interleaved, and provably apart.
  CHECK(refusal([](Views& v) { v.a.ld = v.d.ld = 16, v.d.data = at(0x10000 + 16); }) == "");
  CHECK(refusal([](Views& v) { v.a.ld = v.d.ld = 16, v.d.data = at(0x10000 + 16), v.a.data = at(0x10000 + 32 * 3); }) == "");
  CHECK(begins(refusal([](Views& v) { v.a.ld = v.d.ld = 16, v.d.data = at(0x10000 + 12); }), "d: overlaps a"));
  CHECK(begins(refusal([](Views& v) { v.a.ld = v.d.ld = 16, v.d.data = at(0x10000 + 28); }), "d: overlaps a"));  // wraps
  CHECK(begins(refusal([](Views& v) { v.a.ld = 16, v.d.ld = 15, v.d.data = at(0x10000 + 16); }), "d: overlaps a"));
  // alpha = 0 reads neither A nor B.
  CHECK(refusal([](Views& v) { v.d.data = at(0x10000), v.e.alpha = 0; }) == "");
}

TEST_CASE("C is D or apart from it, and has its shape, order and dtype") {
  const auto with_c = [](const std::function<void(Views&)>& change, ErrorCode code = ErrorCode::invalid_argument) {
    return refusal([&](Views& v) { v.e.beta = 1, v.e.c = v.d, change(v); }, code);
  };
  CHECK(with_c([](Views&) {}) == "");
  CHECK(with_c([](Views& v) { v.e.c.data = at(0x50000); }) == "");
  CHECK(begins(with_c([](Views& v) { v.e.c.data = nullptr; }), "epilogue.c: data is null"));
  CHECK(begins(with_c([](Views& v) { v.e.c = {}; }), "epilogue.c: beta is 1 but c is null"));
  CHECK(begins(with_c([](Views& v) { v.e.c.rows = 4; }), "epilogue.c: 4 x 3"));
  CHECK(begins(with_c([](Views& v) { v.e.c.ld = 2; }), "epilogue.c: leading dimension 2"));
  CHECK(begins(with_c([](Views& v) { v.e.c.data = at(0x30002); }), "epilogue.c: overlaps d"));
  CHECK(begins(with_c([](Views& v) { v.e.c.ld = 9; }), "epilogue.c: overlaps d"));
  CHECK(begins(with_c([](Views& v) { v.e.c.dtype = DType::f16; }, ErrorCode::unsupported), "epilogue.c: dtype f16"));
  CHECK(begins(with_c([](Views& v) { v.e.c.order = Order::col; }, ErrorCode::unsupported), "epilogue.c: its storage order"));
}

TEST_CASE("asking needs no pointers") {
  Views v;
  const Problem problem = v.call().problem;
  v.a.data = v.b.data = nullptr;
  v.d.data = nullptr;
  CHECK(v.call(Pointers::optional).problem == problem);
}

TEST_CASE("of many calls to prepare, the wrong one is named before anything is done") {
  ak::Options o;
  o.cache_dir = "";
  ak::Context context(o);
  const ConstMatrix a{nullptr, 4, 8, 8, DType::bf16, Order::row}, b{nullptr, 8, 2, 2, DType::bf16, Order::row};
  const Matrix d{nullptr, 4, 2, 2, DType::bf16, Order::row}, wrong{nullptr, 5, 2, 2, DType::bf16, Order::row},
      empty{nullptr, 0, 2, 2, DType::bf16, Order::row};
  int told = 0;
  const auto count = [&](std::size_t, std::size_t, const Explanation&) { ++told; };
  CHECK_THROWS_WITH_AS(context.prepare({{a, b, d, {}}, {a, b, wrong, {}}}, count), doctest::Contains("calls[1]: "), Error);
  CHECK(told == 0);
  const ConstMatrix none{nullptr, 0, 8, 8, DType::bf16, Order::row};
  const auto explained = context.prepare({{none, b, empty, {}}}, count);
  REQUIRE(explained.size() == 1);
  CHECK(explained[0].source == "none");
}

TEST_CASE("messages use the caller's names") {
  Views v;
  v.b.rows = 6;
  const ArgumentNames names{"x", "w", "c", "y", "bias", "activation"};
  CHECK_THROWS_WITH_AS(canonicalize(v.a, v.b, v.d, v.e, Pointers::required, names),
                       doctest::Contains("w: its 6 rows differ from x"), Error);
}

TEST_CASE("cuBLAS-shaped arguments compute what cublasGemmEx would, with a bias along the rows of C") {
  std::mt19937 random(11);
  const auto small = [&] { return static_cast<float>(static_cast<int>(random() % 7) - 3); };
  const int m = 5, n = 3, k = 7;
  for (const int transa : {ak_cublas_op_n, ak_cublas_op_t, ak_cublas_op_c})
    for (const int transb : {ak_cublas_op_n, ak_cublas_op_t})
      for (const float beta : {0.0f, 2.0f}) {
        const int lda = transa == ak_cublas_op_n ? m + 1 : k + 2, ldb = transb == ak_cublas_op_n ? k + 3 : n + 1, ldc = m + 2;
        std::vector<std::uint16_t> a(100), b(100);
        std::vector<float> c(100), bias(m);
        for (auto& x : a) x = to_bf16(small());
        for (auto& x : b) x = to_bf16(small());
        for (auto& x : c) x = small();
        for (auto& x : bias) x = small();
        std::vector<float> expected = c;
        const float alpha = 3;
        for (int row = 0; row < m; ++row)
          for (int col = 0; col < n; ++col) {
            double sum = 0;
            for (int i = 0; i < k; ++i)
              sum += static_cast<double>(from_bf16(transa == ak_cublas_op_n ? a[row + i * lda] : a[i + row * lda])) *
                     from_bf16(transb == ak_cublas_op_n ? b[i + col * ldb] : b[col + i * ldb]);
            const double x = alpha * sum + bias[row] + beta * expected[row + col * ldc];
            expected[row + col * ldc] = static_cast<float>(std::max(x, 0.0));
          }
        ak_cublas_epilogue epilogue = AK_CUBLAS_EPILOGUE_INIT;
        epilogue.activation = ak_activation_relu, epilogue.bias = bias.data(), epilogue.biasType = ak_cublas_r_32f;
        run_canonical(
            canonicalize_cublas({transa, transb, m, n, k, alpha, a.data(), ak_cublas_r_16bf, lda, b.data(), ak_cublas_r_16bf,
                                 ldb, beta, c.data(), ak_cublas_r_32f, ldc, ak_cublas_compute_32f, epilogue}));
        CHECK(c == expected);
      }
}
