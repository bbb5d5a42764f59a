// The whole call on a GPU: search, second call, second process, capture.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <random>

#include "../allocations.hpp"
#include "ak/ak.h"
#include "ak/ak.hpp"
#include "ak/cublas.h"
#include "api/arguments.hpp"
#include "base/library.hpp"
#include "context/context.hpp"
#include "core/activation.hpp"
#include "device_matrix.hpp"
#include "gpu/owners.hpp"
#include "lock_count.hpp"
#include "plan/vendor.hpp"

using namespace ak;

namespace {

std::string fresh_folder(const std::string& name) {
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("ak_" + name + "_" + std::to_string(getpid()))).string();
  std::filesystem::remove_all(folder);
  return folder;
}

Options options(const std::string& folder, double budget_s = 1.5) {
  Options o;
  o.cache_dir = folder;
  o.mode = Mode::tune;
  o.shipped = false;
  o.budget_s = budget_s;
  return o;
}

// A linear layer y = act(x . w^T + bias) with its operands on the device.
struct Layer {
  std::int64_t m, n, k;
  test::DeviceMatrix x, w, y, bias;
  Activation activation = Activation::silu;

  Layer(std::int64_t m, std::int64_t n, std::int64_t k)
      : m(m), n(n), k(k), x(m, k, DType::bf16), w(n, k, DType::bf16), y(m, n, DType::bf16), bias(1, n, DType::bf16) {
    x.random(1), w.random(2, 1 / std::sqrt(static_cast<double>(k))), bias.random(3);
  }
  ConstMatrix a() const { return {x.data(), m, k, x.ld(), DType::bf16, Order::row}; }
  ConstMatrix b() const { return ConstMatrix{w.data(), n, k, w.ld(), DType::bf16, Order::row}.transposed(); }
  Matrix d() const { return {y.data(), m, n, y.ld(), DType::bf16, Order::row}; }
  Epilogue epilogue() const {
    Epilogue e;
    e.activation = activation;
    e.bias = bias.data();
    return e;
  }
  void call(Context& context, Stream stream) const { context.matmul_act(stream, a(), b(), d(), epilogue()); }

  // Sampled elements against double precision; the largest error in units of what bf16 and the f32 sum allow.
  double error() {
    y.download();
    std::mt19937 engine(4);
    double worst = 0;
    for (int i = 0; i < 2000; ++i) {
      const std::int64_t r = static_cast<std::int64_t>(engine()) % m, c = static_cast<std::int64_t>(engine()) % n;
      double product = 0, size = 0;
      for (std::int64_t p = 0; p < k; ++p) product += x.at(r, p) * w.at(c, p), size += std::fabs(x.at(r, p) * w.at(c, p));
      const double want = activate(activation, product + bias.at(0, c), 0);
      worst = std::max(worst,
                       std::fabs(y.at(r, c) - want) / (std::fabs(want) / 128 + std::fabs(product) / 200 + 1e-6 * size + 1e-7));
    }
    return worst;
  }
};

}  // namespace

TEST_CASE("a first call searches and is right; the second is a hit without allocation or lock") {
  current_context();
  const OwnedStream stream = OwnedStream::make();
  Context context(options(fresh_folder("first")));
  Layer layer(256, 1024, 512);
  layer.call(context, stream.get());
  stream.synchronize();
  CHECK(layer.error() < 1);
  CHECK(context.counters().searches == 1);
  const Explanation e = context.explain(layer.a(), layer.b(), layer.d(), layer.epilogue());
  CHECK(e.source == "this process");
  CHECK(e.us > 0);
  CHECK(e.search_s < 1.5 + 1);
  MESSAGE(e.served_by << " " << e.us << " us, vendor " << e.vendor_us << " us, " << e.trials << " trials, " << e.search_s
                      << " s; " << e.note);

  layer.call(context, stream.get());
  layer.y.fill(0);
  const std::size_t allocations_before = allocations(), locks_before = locks();
  for (int i = 0; i < 100; ++i) layer.call(context, stream.get());
  CHECK(allocations() == allocations_before);
  CHECK(locks() == locks_before);
  stream.synchronize();
  CHECK(layer.error() < 1);
  CHECK(context.counters().searches == 1);

  std::mutex mutex;  // the counters do count
  { const std::lock_guard lock(mutex); }
  CHECK(locks() > locks_before);
}

TEST_CASE("a caller's own activation is searched for, fused, right, and found again by its text") {
  current_context();
  const OwnedStream stream = OwnedStream::make();
  const std::string folder = fresh_folder("own");
  Layer layer(256, 1024, 512);
  layer.activation = register_activation("x > 4 ? 4 : x * sigmoid(1.702 * x)");
  {
    Context context(options(folder, 3));
    layer.call(context, stream.get());
    stream.synchronize();
    CHECK(layer.error() < 1);
    CHECK(context.counters().searches == 1);
    const Explanation e = context.explain(layer.a(), layer.b(), layer.d(), layer.epilogue());
    CHECK(e.problem.find("x>4?4:x*sigmoid(1.702*x)") != std::string::npos);
    MESSAGE(e.served_by << " " << e.us << " us, vendor " << e.vendor_us << " us, " << e.trials << " trials, " << e.search_s
                        << " s; " << e.note);
  }
  layer.y.fill(0);
  Context again(options(folder));
  layer.call(again, stream.get());
  stream.synchronize();
  CHECK(layer.error() < 1);
  CHECK(again.counters().searches == 0);
  CHECK(again.counters().store_hits == 1);
}

constexpr std::int64_t kSecondProcessDepths[] = {512, 513};  // 513: rows of A and B on 2 bytes, packed by the launch

TEST_CASE("a second process finds what the first one stored" * doctest::timeout(60)) {
  current_context();
  const std::string folder = fresh_folder("second");
  {
    Context context(options(folder));
    for (const std::int64_t k : kSecondProcessDepths) {
      Layer layer(128, 512, k);
      layer.call(context, nullptr);
      CHECK(layer.error() < 1);
    }
    CHECK(context.counters().searches == 2);
  }
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  CHECK(std::system(fmt::format("AK_TEST_FOLDER='{}' '{}' -tc='child of the second process' --no-skip > '{}/child.txt' 2>&1",
                                folder, self, folder)
                        .c_str()) == 0);
}

TEST_CASE("child of the second process" * doctest::skip()) {
  const char* folder = std::getenv("AK_TEST_FOLDER");
  if (!folder) return;
  current_context();
  Context context(options(folder));
  for (const std::int64_t k : kSecondProcessDepths) {
    Layer layer(128, 512, k);
    layer.call(context, nullptr);
    CHECK(layer.error() < 1);
  }
  CHECK(context.counters().searches == 0);
  CHECK(context.counters().compiles == 0);
  CHECK(context.counters().store_hits == 2);
  MESSAGE("record to loaded kernel: " << context.counters().last_load_s * 1e3 << " ms");
}

TEST_CASE("in a capture a hit works and a miss is served by the vendor, to be tuned later") {
  current_context();
  for (const auto mode : {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, CU_STREAM_CAPTURE_MODE_RELAXED}) {
    const OwnedStream stream = OwnedStream::make();
    Context context(options(fresh_folder("capture"), 0.7));
    Layer layer(64, 512, 256);
    const Graph miss = Graph::capture(
        stream.get(), [&](CUstream s) { layer.call(context, s); }, mode);
    CHECK(context.counters().searches == 0);
    CHECK(context.counters().vendor_fallbacks == 1);
    miss.launch(stream.get());
    stream.synchronize();
    CHECK(layer.error() < 1);

    layer.call(context, stream.get());
    CHECK(context.counters().searches == 1);
    const Graph hit = Graph::capture(
        stream.get(), [&](CUstream s) { layer.call(context, s); }, mode);
    layer.y.fill(0);
    hit.launch(stream.get());
    stream.synchronize();
    CHECK(layer.error() < 1);
    CHECK(context.counters().vendor_fallbacks == 1);
    miss.launch(stream.get());  // still legal after the problem has a plan of its own
    stream.synchronize();
    CHECK(layer.error() < 1);
  }
}

TEST_CASE("a fallback rounds once: products beyond f16 that come back, off, missed, and missed in a capture") {
  struct Row {
    double a, b, bias, row_scale, want;
    Activation activation;
  };
  const Row rows[] = {{200, -10, 0, 1, -0.0, Activation::silu},
                      {70000.0 / 64, 1, -10000, 1, 60000, Activation::identity},
                      {100000.0 / 64, 1, 0, 0.001, 100, Activation::identity}};
  const OwnedStream stream = OwnedStream::make();
  for (const Mode mode : {Mode::off, Mode::hit, Mode::tune})
    for (const Row& row : rows) {
      Options o = options(fresh_folder("rounds_once"));
      o.mode = mode;
      Context context(o);
      test::DeviceMatrix x(16, 64, DType::f16), w(64, 64, DType::f16), y(16, 64, DType::f16), bias(1, 64, DType::f16),
          scale(1, 16, DType::f32);
      x.fill(row.a), w.fill(row.b), bias.fill(row.bias), scale.fill(row.row_scale), y.fill(std::nan(""));
      Epilogue e;
      e.activation = row.activation;
      if (row.bias != 0) e.bias = bias.data(), e.bias_dtype = DType::f16;
      if (row.row_scale != 1) e.row_scale = static_cast<const float*>(scale.data());
      const auto call = [&](CUstream s) {
        context.matmul_act(s, {x.data(), 16, 64, 64, DType::f16, Order::row},
                           ConstMatrix{w.data(), 64, 64, 64, DType::f16, Order::row}.transposed(),
                           {y.data(), 16, 64, 64, DType::f16, Order::row}, e);
      };
      CAPTURE(static_cast<int>(mode));
      CAPTURE(row.want);
      if (mode == Mode::tune) {  // a miss in a capture
        const Graph graph = Graph::capture(stream.get(), call);
        graph.launch(stream.get());
        stream.synchronize();
      } else {
        call(stream.get());
        stream.synchronize();
      }
      CHECK(context.counters().searches == 0);
      y.download();
      for (const auto& [i, j] : {std::pair{0, 0}, {15, 63}, {7, 33}})
        CHECK(std::fabs(y.at(i, j) - row.want) <= 0x1p-10 * std::fabs(row.want));
    }
}

TEST_CASE("C is not read where beta is 0: NaN in it, or in D itself, shows nowhere; cuBLASLt's plan and our kernel alike") {
  const OwnedStream stream = OwnedStream::make();
  for (const Mode mode : {Mode::off, Mode::tune}) {
    Options o = options(fresh_folder("nan_in_c"), 1.5);
    o.mode = mode;
    Context context(o);
    for (const bool in_place : {false, true}) {
      Layer layer(64, 256, 512);
      test::DeviceMatrix c(64, 256, DType::bf16);
      c.fill(std::nan("")), layer.y.fill(std::nan(""));
      Epilogue e = layer.epilogue();
      e.beta = 0;
      e.c = {in_place ? layer.y.data() : c.data(), 64, 256, 256, DType::bf16, Order::row};
      context.matmul_act(stream.get(), layer.a(), layer.b(), layer.d(), e);
      stream.synchronize();
      CHECK(layer.error() < 1);
    }
  }
}

TEST_CASE("ak_cublasGemmEx with alpha and beta in device memory gives what it gives with them on the host") {
  constexpr int m = 64, n = 48, k = 128;  // column-major, as cuBLAS has it
  ak_options o = AK_OPTIONS_INIT;
  o.cache_dir = "", o.mode = ak_mode_off;
  ak_context* context = nullptr;
  REQUIRE(ak_context_create(&o, &context) == ak_status_ok);
  const OwnedStream stream = OwnedStream::make();
  test::DeviceMatrix a(k, m, DType::bf16), b(n, k, DType::bf16), c(n, m, DType::f32), scalars(1, 2, DType::f32);
  a.random(1), b.random(2);
  const float alpha = 0.5f, beta = -2;
  const auto call = [&](const float* with_alpha, const float* with_beta) {
    c.random(3);
    const ak_status status =
        ak_cublasGemmEx(context, stream.get(), ak_cublas_op_n, ak_cublas_op_n, m, n, k, with_alpha, a.data(), ak_cublas_r_16bf,
                        m, b.data(), ak_cublas_r_16bf, k, with_beta, c.data(), ak_cublas_r_32f, m, ak_cublas_compute_32f, -1,
                        ak_activation_relu, 0, nullptr, ak_cublas_r_32f);
    stream.synchronize();
    c.download();
    std::vector<double> all;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < m; ++j) all.push_back(c.at(i, j));
    return std::pair(status, all);
  };
  const auto host = call(&alpha, &beta);
  REQUIRE(host.first == ak_status_ok);
  CHECK(std::ranges::any_of(host.second, [](double x) { return x > 0; }));
  const auto* device = static_cast<const float*>(scalars.data());
  for (const auto& [at, value] : {std::pair(0, &alpha), std::pair(1, &beta)})
    check(driver().cuMemcpyHtoDAsync(reinterpret_cast<CUdeviceptr>(device + at), value, 4, stream.get()), "writing a scalar");
  CHECK(call(device, device + 1) == host);
  CHECK(call(device, &beta) == host);
  CHECK(call(&alpha, device + 1) == host);

  // In a capture they cannot be read: a status, and the capture goes on.
  CUgraph graph = nullptr;
  check(driver().cuStreamBeginCapture(stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  CHECK(ak_cublasGemmEx(context, stream.get(), ak_cublas_op_n, ak_cublas_op_n, m, n, k, device, a.data(), ak_cublas_r_16bf, m,
                        b.data(), ak_cublas_r_16bf, k, device + 1, c.data(), ak_cublas_r_32f, m, ak_cublas_compute_32f, -1,
                        ak_activation_relu, 0, nullptr, ak_cublas_r_32f) == ak_status_unsupported);
  CHECK(std::string(ak_last_error()).find("alpha") != std::string::npos);
  CHECK(driver().cuStreamEndCapture(stream.get(), &graph) == CUDA_SUCCESS);
  check(driver().cuGraphDestroy(graph), "dropping a graph");
  ak_context_destroy(context);
}

TEST_CASE("a stream of another context is named, on a miss and on a hit") {
  const CUcontext mine = current_context();
  const SharedLibrary cuda("libcuda", {"libcuda.so.1"});
  CUresult (*create)(CUcontext*, unsigned, CUdevice) = nullptr;
  CUresult (*destroy)(CUcontext) = nullptr;
  cuda.bind(create, "cuCtxCreate_v2");
  cuda.bind(destroy, "cuCtxDestroy_v2");
  CUcontext other = nullptr;
  check(create(&other, 0, 0), "a second context");
  {
    const OwnedStream foreign = OwnedStream::make();
    check(driver().cuCtxSetCurrent(mine), "back");
    Context context(options(fresh_folder("foreign"), 0.5));
    Layer layer(64, 256, 256);
    CHECK_THROWS_WITH_AS(layer.call(context, foreign.get()), doctest::Contains("stream"), Error);
    CHECK(context.counters().searches == 0);
    layer.call(context, nullptr);
    CHECK_THROWS_WITH_AS(layer.call(context, foreign.get()), doctest::Contains("stream"), Error);
    layer.call(context, nullptr);
    CHECK(layer.error() < 1);
  }
  destroy(other);
  driver().cuCtxSetCurrent(mine);
}

TEST_CASE("gated with aux and scales: a miss, a search and its hit agree with double precision, packed or apart") {
  const std::string folder = fresh_folder("gated");
  const std::int64_t m = 48, n = 320, k = 256;
  test::DeviceMatrix x(m, k, DType::bf16), w(2 * n, k, DType::bf16), up(n, k, DType::bf16), y(m, n, DType::bf16),
      aux(m, 2 * n, DType::bf16), bias(1, 2 * n, DType::f32), row(1, m, DType::f32), column(1, 2 * n, DType::f32);
  x.random(1), w.random(2, 0.06), up.random(3, 0.06), bias.random(4), row.random(5), column.random(6);
  const auto rows = [&](const test::DeviceMatrix& from, std::int64_t count) {
    return ConstMatrix{from.data(), count, k, k, DType::bf16, Order::row}.transposed();
  };
  const auto wrong = [&](Context& context, bool apart, float alpha) {
    Epilogue e;
    e.activation = Activation::silu, e.alpha = alpha;
    e.bias = bias.data(), e.bias_dtype = DType::f32;
    e.gated = true;
    if (apart) e.up = rows(up, n);
    e.aux = {aux.data(), m, 2 * n, 2 * n, DType::bf16, Order::row};
    e.row_scale = static_cast<const float*>(row.data()), e.column_scale = static_cast<const float*>(column.data());
    y.fill(std::nan("")), aux.fill(std::nan(""));
    context.matmul_act(nullptr, {x.data(), m, k, k, DType::bf16, Order::row}, rows(w, apart ? n : 2 * n),
                       {y.data(), m, n, n, DType::bf16, Order::row}, e);
    check(driver().cuCtxSynchronize(), "waiting");
    y.download(), aux.download();
    int count = (y.damaged() != 0) + (aux.damaged() != 0);
    for (std::int64_t r = 0; r < m; r += 5)
      for (std::int64_t c = 0; c < n; c += 7) {
        double pre[2];
        for (int half = 0; half < 2; ++half) {
          double product = 0;
          for (std::int64_t p = 0; p < k; ++p) product += x.at(r, p) * (half && apart ? up.at(c, p) : w.at(half * n + c, p));
          pre[half] = alpha * product * row.at(0, r) * column.at(0, half * n + c) + bias.at(0, half * n + c);
          // cuBLASLt's product is rounded before the pass.
          count += !(std::fabs(aux.at(r, half * n + c) - pre[half]) <= 0.02 * (1 + std::fabs(pre[half])));
        }
        const double want = activate(Activation::silu, pre[0], 0) * pre[1];
        count += !(std::fabs(y.at(r, c) - want) <= 0.03 * (1 + std::fabs(pre[0])) * (1 + std::fabs(pre[1])));
      }
    return count;
  };
  Options none = options("");
  none.mode = Mode::off;
  Context vendor(none);
  Context tuned(options(folder));
  for (const bool apart : {false, true})
    for (const float alpha : {1.0f, 0.0f}) {
      CAPTURE(apart);
      CAPTURE(alpha);
      CHECK(wrong(vendor, apart, alpha) == 0);
      CHECK(wrong(tuned, apart, alpha) == 0);
      CHECK(wrong(tuned, apart, alpha) == 0);
    }
  CHECK(vendor.counters().vendor_fallbacks == 1);
  CHECK(tuned.counters().searches == 1);  // packed or apart is one problem, and alpha = 0 needs no search
  std::filesystem::remove_all(folder);
}

TEST_CASE("a problem too large to be proven whole is proven and tuned on a panel of its rows, within the budget") {
  current_context();
  if (device_memory().free < std::int64_t{40} << 30) return;
  const std::string folder = fresh_folder("huge");
  Context context(options(folder, 3));
  const Explanation e = context.impl().prepare(parse_problem("32768x151936x4096 relu"));
  CHECK(e.source == "this process");
  CHECK(context.counters().searches == 1);
  CHECK(e.trials > 0);
  CHECK(e.us > 0);
  CHECK(e.vendor_us > 0);
  CHECK(e.search_s < 1.5 * 3 + 1);
  CHECK_MESSAGE(e.note.find("proven and timed on panels of 1024 of 32768 rows") != std::string::npos, e.note);
  if (!e.served_by.starts_with("cuBLASLt")) CHECK_MESSAGE(e.note.find("and launched whole") != std::string::npos, e.note);
  MESSAGE(e.served_by << " " << e.us << " us, vendor " << e.vendor_us << " us, " << e.trials << " trials, " << e.search_s
                      << " s; " << e.note);

  Context again(options(folder, 3));
  CHECK(again.impl().prepare(parse_problem("32768x151936x4096 relu")).source == "store");
  CHECK(again.counters().searches == 0);
  std::filesystem::remove_all(folder);
}

TEST_CASE("k = 0 is the epilogue alone, without a search") {
  current_context();
  Context context(options(fresh_folder("k0")));
  Layer layer(33, 65, 1);
  context.matmul_act(nullptr, {nullptr, 33, 0, 1, DType::bf16, Order::row}, {nullptr, 0, 65, 65, DType::bf16, Order::row},
                     layer.d(), layer.epilogue());
  layer.y.download();
  for (std::int64_t c = 0; c < 65; ++c)
    CHECK(layer.y.at(7, c) == doctest::Approx(activate(Activation::silu, layer.bias.at(0, c), 0)).epsilon(0.01));
  CHECK(context.counters().searches == 0);
}

TEST_CASE("what the shipped pack knows starts at a hit: compiled, verified, no search") {
  current_context();
  Options o = options(fresh_folder("shipped"));
  o.shipped = true;
  Layer layer(16, 4096, 4096);
  Context context(o);
  const Explanation before = context.explain(layer.a(), layer.b(), layer.d(), layer.epilogue());
  if (before.source != "shipped pack") {
    MESSAGE("this GPU is not in the shipped pack: " << before.hardware);
    return;
  }
  const auto start = Clock::now();
  layer.call(context, nullptr);
  MESSAGE("first call: " << seconds_since(start) << " s");
  CHECK(layer.error() < 1);
  CHECK(context.counters().searches == 0);
  CHECK(context.counters().pack_hits == 1);
  const Explanation e = context.explain(layer.a(), layer.b(), layer.d(), layer.epilogue());
  CHECK(e.source == "shipped pack");
  Context next(o);
  layer.call(next, nullptr);
  CHECK(next.counters().store_hits == 1);
}

// Figures, not a test: run with -tc='figures*' --no-skip.
TEST_CASE("figures: first calls of suite rows, second load, hot call" * doctest::skip()) {
  current_context();
  const std::int64_t rows[][3] = {{16, 4096, 14336},  {1, 6144, 4096},   {16, 4096, 4096}, {64, 4096, 4096},
                                  {128, 14336, 4096}, {512, 512, 512},   {2048, 768, 768}, {1024, 4096, 4096},
                                  {4096, 4096, 4096}, {4096, 4097, 4097}};
  const std::string folder = fresh_folder("figures");
  std::vector<double> seconds;
  for (const auto& [m, n, k] : rows) {
    Layer layer(m, n, k);
    Options o = options(folder);
    o.budget_s.reset();
    Context context(o);
    const auto start = Clock::now();
    layer.call(context, nullptr);
    seconds.push_back(seconds_since(start));
    const Explanation e = context.explain(layer.a(), layer.b(), layer.d(), layer.epilogue());
    MESSAGE(m << "x" << n << "x" << k << ": first call " << seconds.back() << " s, " << e.trials << " trials, "
              << context.counters().compiles << " compiles: " << e.served_by << " " << e.us << " us, vendor " << e.vendor_us
              << " us " << e.note);

    Context again(o);
    const auto second = Clock::now();
    layer.call(again, nullptr);
    MESSAGE("  stored: record to launch " << seconds_since(second) * 1e3 << " ms, load " << again.counters().last_load_s * 1e3
                                          << " ms");
  }
  for (const auto& [m, n, k] : rows) {  // what a longer search would have found
    if (std::getenv("AK_TEST_LONG") == nullptr) break;
    Layer layer(m, n, k);
    Context context(options("", 12));
    const Explanation e = context.prepare(layer.a(), layer.b(), layer.d(), layer.epilogue());
    MESSAGE(m << "x" << n << "x" << k << " in 12 s: " << e.trials << " trials: " << e.served_by << " " << e.us << " us, vendor "
              << e.vendor_us << " us");
  }
  std::sort(seconds.begin(), seconds.end());
  MESSAGE("first call: median " << (seconds[4] + seconds[5]) / 2 << " s, worst " << seconds.back() << " s");

  Layer layer(16, 4096, 4096);
  Context context(options(folder));
  const OwnedStream stream = OwnedStream::make();
  layer.call(context, stream.get());
  stream.synchronize();
  const CanonicalCall call = canonicalize(layer.a(), layer.b(), layer.d(), layer.epilogue());
  const auto per_call = [&](auto&& enqueue) {
    double best = 1e9;
    for (int repeat = 0; repeat < 20; ++repeat) {
      stream.synchronize();
      const auto start = Clock::now();
      for (int i = 0; i < 200; ++i) enqueue();
      best = std::min(best, seconds_since(start) / 200 * 1e6);
    }
    return best;
  };
  const double whole = per_call([&] { layer.call(context, stream.get()); });
  const double canonical = per_call([&] { context.impl().matmul_act(stream.get(), call.problem, call.args); });
  const Explanation e = context.explain(layer.a(), layer.b(), layer.d(), layer.epilogue());
  MESSAGE("hot call on the host: " << whole << " us, from the canonical call " << canonical << " us (" << e.served_by << ")");
}
