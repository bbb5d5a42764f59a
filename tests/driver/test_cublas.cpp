// cuBLAS-shaped calls: alpha and beta on the host or in device memory (CUBLAS_POINTER_MODE_DEVICE).
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>

#include "ak/cublas.h"
#include "fake_cublaslt.hpp"
#include "fake_driver.hpp"
#include "gpu/owners.hpp"
#include "gpu/scalar.hpp"
#include "own_context.hpp"

using namespace ak;

namespace {

// One product of 8 x 8 x 8 in f32, served by the fake cuBLASLt.
struct Caller {
  OwnContext own;
  ak_context* context = nullptr;
  OwnedStream stream;
  Buffer a, b, c, scalars;
  const float host_alpha = 3, host_beta = 2;
  const float *alpha = nullptr, *beta = nullptr;  // the same in device memory

  Caller() {
    ak_options options = AK_OPTIONS_INIT;
    options.cache_dir = "", options.mode = ak_mode_off;
    REQUIRE(ak_context_create(&options, &context) == ak_status_ok);
    stream = OwnedStream::make();
    a = Buffer::make(1024), b = Buffer::make(1024), c = Buffer::make(1024), scalars = Buffer::make(8);
    check(driver().cuMemcpyHtoD(scalars.get(), &host_alpha, 4), "alpha");
    check(driver().cuMemcpyHtoD(scalars.get() + 4, &host_beta, 4), "beta");
    alpha = scalars.data<float>(), beta = alpha + 1;
    fake::products(), fake::forget();
  }
  ~Caller() {
    ak_context_destroy(context);
    own.end();
  }

  ak_status operator()(const float* with_alpha, const float* with_beta) const {
    return ak_cublasGemmEx(context, stream.get(), ak_cublas_op_n, ak_cublas_op_n, 8, 8, 8, with_alpha, a.data(),
                           ak_cublas_r_16bf, 8, b.data(), ak_cublas_r_16bf, 8, with_beta, c.data(), ak_cublas_r_32f, 8,
                           ak_cublas_compute_32f, -1, ak_activation_identity, 0, nullptr, ak_cublas_r_32f);
  }
};

// How often device memory was read on the stream, and the stream awaited.
int awaited(const OwnedStream& stream) {
  int reads = 0, waits = 0;
  for (const fake::Call& call : fake::calls()) {
    if (call.stream != stream.get()) continue;
    reads += call.name == "cuMemcpyDtoHAsync";
    waits += call.name == "cuStreamSynchronize";
  }
  CHECK(reads == waits);
  return reads;
}

}  // namespace

TEST_CASE("alpha and beta in device memory are read behind what is on the stream, and not touched by the host") {
  fake::reset();
  const Caller call;
  int fetched = 0;
  for (const float* alpha : {&call.host_alpha, call.alpha})
    for (const float* beta : {&call.host_beta, call.beta}) {
      fake::forget();
      REQUIRE(call(alpha, beta) == ak_status_ok);
      fetched = (alpha == call.alpha) + (beta == call.beta);
      CHECK(awaited(call.stream) == fetched);
      const auto products = fake::products();
      REQUIRE(products.size() == 1);
      CHECK(products[0].alpha == 3);
      CHECK(products[0].beta == 2);
    }
  CHECK(fake::misuses().empty());
}

TEST_CASE("alpha in device memory is refused in a capture, which goes on") {
  fake::reset();
  const Caller call;
  REQUIRE(call(&call.host_alpha, &call.host_beta) == ak_status_ok);
  CUgraph graph = nullptr;
  fake::forget();
  check(driver().cuStreamBeginCapture(call.stream.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  CHECK(call(call.alpha, &call.host_beta) == ak_status_unsupported);
  CHECK(std::string(ak_last_error()).starts_with("alpha: is in device memory"));
  CHECK(call(&call.host_alpha, call.beta) == ak_status_unsupported);
  CHECK(std::string(ak_last_error()).starts_with("beta: is in device memory"));
  CHECK(call(&call.host_alpha, &call.host_beta) == ak_status_ok);
  CHECK(driver().cuStreamEndCapture(call.stream.get(), &graph) == CUDA_SUCCESS);
  CHECK(awaited(call.stream) == 0);
}

TEST_CASE("waiting for alpha breaks no capture of another thread") {
  fake::reset();
  const Caller call;
  const OwnedStream captured = OwnedStream::make();
  CUgraph graph = nullptr;
  check(driver().cuStreamBeginCapture(captured.get(), CU_STREAM_CAPTURE_MODE_GLOBAL), "capturing");
  std::thread([&, context = current_context()] {
    const ContextScope scope(context);
    CHECK(call(call.alpha, &call.host_beta) == ak_status_ok);
  }).join();
  CHECK(driver().cuStreamEndCapture(captured.get(), &graph) == CUDA_SUCCESS);
}

TEST_CASE("a driver that fails to read alpha is a status") {
  fake::reset();
  const Caller call;
  fake::fail("cuMemcpyDtoHAsync", CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(call(call.alpha, &call.host_beta) == ak_status_driver);
  CHECK(std::string(ak_last_error()).starts_with("alpha: "));
  CHECK(in_device_memory(call.alpha));
  fake::forget();
  CHECK(!in_device_memory(&call.host_alpha));
  CHECK(fake::calls().empty());  // of what is the program's in any case nothing is asked
}
