// A toy: a thread for each element of D, which takes AK_CHUNK steps of k at once.
namespace ak {

__device__ __forceinline__ float a_at(const KernelArgs& args, int row, int k) {
  return to_float<AK_IN>(static_cast<const In*>(args.a)[AK_A_MAJOR_K ? row * args.lda + k : k * args.lda + row]);
}
__device__ __forceinline__ float b_at(const KernelArgs& args, int column, int k) {
  return to_float<AK_IN>(static_cast<const In*>(args.b)[AK_B_MAJOR_K ? column * args.ldb + k : k * args.ldb + column]);
}

}  // namespace ak

extern "C" __global__ void ak_kernel(const __grid_constant__ ak::KernelArgs args) {
  using namespace ak;
  await_kernels_before();
  const int row = blockIdx.y * AK_TILE_M + threadIdx.x / AK_TILE_N, column = blockIdx.x * AK_TILE_N + threadIdx.x % AK_TILE_N;
  if (row >= args.m || column >= args.n) return;
  float sums[kGates] = {};
#pragma unroll AK_CHUNK
  for (int k = 0; k < args.k; ++k) sums[0] += a_at(args, row, k) * b_at(args, column, k);
  store_one(args, row, column, sums);
}
