// The prelude of loops' kernels through NVRTC, for every architecture that they are made for.
#include <doctest/doctest.h>

#include <string>

#include "jit/compiler.hpp"
#include "jit/source.hpp"

using namespace ak;

namespace {

// Every function of the prelude, with parameters by names that hide its own.
constexpr const char* kUser = R"(
extern "C" __global__ void ak_kernel(unsigned* ak, float* lane, double* warp, int* room, long long* thread, float* values) {
  __shared__ unsigned room_[ak::kRoom];
  __shared__ float floats_[ak::kRoom];
  __shared__ ak::Affine<double> pairs_[ak::kRoom];
  __shared__ ak::Affine<float, 2> sixes_[ak::kRoom];
  ak::wait_for_previous();
  const unsigned tile_ = ak::take_ticket(ak, room_);
  const long long i = tile_ * blockDim.x + threadIdx.x + ak::threads() - ak::thread();
  lane[i] = ak::block_reduce(lane[i], ak::Add<float>(), floats_) + ak::block_reduce(lane[i], ak::Min<float>(), floats_);
  warp[i] = ak::block_scan(ak::Affine<double>{warp[i], 1.0}, ak::Compose<double>(), pairs_).before(warp[i]);
  lane[i] += ak::block_scan(ak::Affine<float, 2>{lane[i], 1, 0, 1, -0.0f, 1}, ak::Compose<float, 2>(), sixes_).before.row[0].c;
  room[i] = ak::warp_reduce(room[i], ak::Max<int>()) + ak::warp_scan(room[i], ak::Xor<int>()).before;
  room[i] += ak::block_rank(room[i] > 0, room_).before + ak::warp_reduce(room[i], ak::Multiply<int>());
  room[i] += ak::warp_reduce(1u, ak::Max<unsigned>()) + (ak::Min<unsigned long long>().identity() == ~0ull);
  thread[i] = ak::warp_reduce(thread[i], ak::Max<long long>()) + ak::warp_reduce(thread[i], ak::Or<long long>());
  thread[i] += ak::warp_scan(thread[i], ak::And<long long>()).before;
  ak::note_zero(thread, lane[i], ak::kLast - i);
  ak::atomic_max(lane + i, 1.0f, thread[0], false);
  ak::atomic_min(warp + i, 1.0, thread[0], true);
  ak::Fixed::peak(room, lane[i]);
  ak::Fixed::peak(thread, warp[i]);
  const ak::Fixed fixed_ = {20};
  fixed_.add(thread, fixed_.shift(room[0]), lane[i]);
  warp[i] = ak::Fixed::finite(thread[0]) ? fixed_.total(thread, fixed_.shift(thread[0])) : ak::Hold<double>().identity().value[0];
  lane[i] += ak::before_tile(tile_, lane[i], ak::Max<float>(), ak + 2, values, floats_);
  ak::start_next();
  ak::grid_barrier(ak + 1, 1);
  if (ak::aligned16(lane)) ak::store_pack(lane + 4 * i, ak::load_pack(values + 4 * i));
  if (ak::is_last_block(ak + 1, room_)) ak[0] = 0;
  unsigned long long* whole = reinterpret_cast<unsigned long long*>(thread);
  ak::store_release(whole, ak::load_acquire(whole));
  lane[i] += ak::before_tile(tile_, lane[i], ak::Add<float>(), whole, floats_);
  float pack_[4];
  ak::load16(pack_, 0, lane + ak::until_aligned16(lane));
  ak::store16(values, pack_, 0);
  ak::put(room + i, 7);
}
)";

}  // namespace

TEST_CASE("what loop kernels may use compiles, whatever a user's names are") {
  const std::string source = kernel_file("loop.cuh") + kUser;
  for (const char* arch : {"sm_80", "sm_86", "sm_90a", "sm_100", "sm_120"}) {
    const Compiled kernel = compile(source, arch);
    CAPTURE(arch);
    CAPTURE(kernel.log);
    CHECK(kernel.ok());
    CHECK(kernel.log.find("warning") == std::string::npos);
  }
}
