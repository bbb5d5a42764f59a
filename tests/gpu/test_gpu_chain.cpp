// Launches that overlap: each kernel of a chain starts while the one before it still runs, and must not read what that one has
// not written yet.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string_view>

#include "ak/ak.hpp"
#include "device_matrix.hpp"
#include "gpu/device.hpp"
#include "gpu/owners.hpp"

using namespace ak;

namespace {

constexpr int kWidth = 512, kLayers = 60;

// x -> tanh(x . w^T + x), again and again between two buffers; `apart` waits for each launch before the next.
std::vector<double> run_chain(Context& context, Stream stream, const test::DeviceMatrix& w, int tokens,
                              const std::string& tactic, bool apart) {
  test::DeviceMatrix from(tokens, kWidth, DType::bf16), to(tokens, kWidth, DType::bf16);
  from.random(7), to.fill(std::nan(""));
  test::DeviceMatrix* buffers[] = {&from, &to};
  for (int layer = 0; layer < kLayers; ++layer) {
    const Matrix x{buffers[layer % 2]->data(), tokens, kWidth, kWidth},
        y{buffers[1 - layer % 2]->data(), tokens, kWidth, kWidth};
    Epilogue e;
    e.activation = Activation::tanh, e.beta = 1, e.c = x;
    const ConstMatrix weight = ConstMatrix{w.data(), kWidth, kWidth, kWidth}.transposed();
    context.matmul_act(stream, x, weight, y, e);
    if (layer == 0) CHECK(context.explain(x, weight, y, e).served_by == tactic);  // not what replaces a refused one
    if (apart) check(driver().cuStreamSynchronize(stream), "waiting");
  }
  check(driver().cuStreamSynchronize(stream), "waiting");
  buffers[kLayers % 2]->download();
  std::vector<double> out;
  for (int r = 0; r < tokens; ++r)
    for (int c = 0; c < kWidth; ++c) out.push_back(buffers[kLayers % 2]->at(r, c));
  return out;
}

}  // namespace

TEST_CASE("a chain of dependent launches gives the same bits whether they overlap or not") {
  current_context();
  const OwnedStream stream = OwnedStream::make();
  test::DeviceMatrix w(kWidth, kWidth, DType::bf16);
  w.random(3, 1 / std::sqrt(static_cast<double>(kWidth)));
  for (const char* tactic :
       {"sm90 tile_m=64 tile_n=32 tile_k=128 stages=4 schedule=cooperative store=1 overlap=1",
        "sm90 tile_m=64 tile_n=64 tile_k=64 stages=4 schedule=pingpong overlap=1",
        "sm90 tile_m=64 tile_n=64 tile_k=64 stages=4 schedule=cooperative split_k=2 overlap=1",
        "sm90 tile_m=64 tile_n=32 tile_k=128 stages=4 schedule=cooperative store=1 overlap=2",
        "sm90 tile_m=64 tile_n=32 tile_k=128 stages=4 schedule=cooperative store=1 overlap=3",
        "sm90 tile_m=64 tile_n=64 tile_k=64 stages=4 schedule=pingpong cluster_n=2 overlap=3",
        "sm90 tile_m=64 tile_n=64 tile_k=64 stages=4 schedule=cooperative split_k=2 swap_ab=1 overlap=3",
        "sm80 tile_m=64 tile_n=64 tile_k=64 stages=3 warps_m=2 warps_n=2 split_k=2 overlap=1",
        "skinny tile_m=1 tile_n=2 warps_m=2 overlap=1 unroll=2", "skinny tile_m=1 tile_n=2 warps_m=2 overlap=3",
        "skinny tile_m=1 tile_n=4 warps_n=4 split_k=2 overlap=3 unroll=2"}) {
    CAPTURE(tactic);
    const int tokens = std::string_view(tactic).starts_with("skinny") ? 1 : 192;
    setenv("AK_FORCE_TACTIC", tactic, 1);
    Options options;
    options.cache_dir = "", options.shipped = false;
    Context context(options);
    const auto apart = run_chain(context, stream.get(), w, tokens, tactic, true);
    CHECK(std::isfinite(apart[0]));
    for (int again = 0; again < 5; ++again) CHECK(run_chain(context, stream.get(), w, tokens, tactic, false) == apart);
  }
  unsetenv("AK_FORCE_TACTIC");
}
