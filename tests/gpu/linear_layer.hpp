// A linear layer on the device for the GPU tests: y = activation(x . w^T), of the first rows of x.
#pragma once

#include <cmath>

#include "ak/ak.hpp"
#include "core/activation.hpp"
#include "device_matrix.hpp"

namespace ak::test {

struct LinearLayer {
  /// In the CUDA context that is current.
  LinearLayer(std::int64_t most, std::int64_t n, std::int64_t k, Activation activation = Activation::silu)
      : n(n), k(k), rows(most), x(most, k, DType::bf16), w(n, k, DType::bf16), y(most, n, DType::bf16) {
    x.random(1, 0.3), w.random(2, 1 / std::sqrt(static_cast<double>(k)));
    epilogue.activation = activation;
  }
  ConstMatrix a() const { return {x.data(), rows, k, k, DType::bf16, Order::row}; }
  ConstMatrix b() const { return {w.data(), k, n, k, DType::bf16, Order::col}; }
  Matrix d() const { return {y.data(), rows, n, n, DType::bf16, Order::row}; }
  void call(Context& context, Stream stream) const { context.matmul_act(stream, a(), b(), d(), epilogue); }
  void call(Plan& plan, Stream stream, const Workspace& workspace = {}) const {
    plan(stream, a(), b(), d(), epilogue, workspace);
  }
  Explanation explain(Context& context) const { return context.explain(a(), b(), d(), epilogue); }
  /// Some elements against double precision, once the stream has done its work.
  bool right() {
    y.download();
    for (int i = 0; i < 200; ++i) {
      const std::int64_t r = i * 7 % rows, c = i * 131 % n;
      double sum = 0;
      for (std::int64_t p = 0; p < k; ++p) sum += x.at(r, p) * w.at(c, p);
      const double want = activate(epilogue.activation, sum, 0);
      if (std::fabs(y.at(r, c) - want) > 0.02 + 0.02 * std::fabs(want)) return false;
    }
    return y.damaged() == 0;
  }

  const std::int64_t n, k;
  std::int64_t rows;
  DeviceMatrix x, w, y;
  Epilogue epilogue;
};

}  // namespace ak::test
