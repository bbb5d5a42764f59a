// The reference every kernel is held to: plain f32 FMAs in order of k, any layout, 64-bit offsets. It shares nothing with
// the families, and a sample of it is checked in double.
#pragma once

#include "kernels/support/probe.cuh"

namespace ak::probe {

constexpr int kTile = 128, kStep = 16, kPitch = kTile + 4;

// 128 outer x 16 k elements of one operand into shared memory, k-major; zero outside.
template <int type>
__device__ __forceinline__ void fetch(float (&registers)[8], const void* p, i64 outer_stride, i64 k_stride, i64 outer0,
                                      i64 outers, i64 k0, i64 k) {
  const int t = threadIdx.x;
#pragma unroll
  for (int r = 0; r < 8; ++r) {
    const int o = k_stride == 1 ? t / 16 + 16 * r : t % 128, s = k_stride == 1 ? t % 16 : t / 128 + 2 * r;
    const bool inside = outer0 + o < outers && k0 + s < k;
    registers[r] =
        inside ? to_float<type>(static_cast<const u16*>(p)[(outer0 + o) * outer_stride + (k0 + s) * k_stride]) : 0.0f;
  }
}

__device__ __forceinline__ void put(float (*tile)[kPitch], const float (&registers)[8], i64 k_stride) {
  const int t = threadIdx.x;
#pragma unroll
  for (int r = 0; r < 8; ++r) {
    const int o = k_stride == 1 ? t / 16 + 16 * r : t % 128, s = k_stride == 1 ? t % 16 : t / 128 + 2 * r;
    tile[s][o] = registers[r];
  }
}

__device__ __forceinline__ float linear_part(const KernelArgs& args, const Strides& s, i64 r, i64 c, float accumulator) {
  float x = args.alpha * accumulator;
  if (args.row_scale) x *= args.row_scale[r];
  if (args.column_scale) x *= args.column_scale[c];
  if (s.bias_axis) x += load(args.bias, s.bias_axis == 1 ? c : r, s.bias_type);
  if (args.c) x += args.beta * load(args.c, r * args.ldc + c, s.out);
  return x;
}

template <int type>
__device__ __forceinline__ void reference(const KernelArgs& args, const Strides& s, i64 first_column, i64 pitch, float* pre) {
  __shared__ __align__(16) float a_tile[2][kStep][kPitch], b_tile[2][kStep][kPitch];
  const i64 column0 = static_cast<i64>(blockIdx.x) * kTile, steps = (static_cast<i64>(args.k) + kStep - 1) / kStep;
  const int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
  for (i64 row0 = static_cast<i64>(blockIdx.y) * kTile; row0 < args.m; row0 += static_cast<i64>(gridDim.y) * kTile) {
    float sum[8][8] = {}, a_next[8], b_next[8];
    fetch<type>(a_next, args.a, s.a_row, s.a_k, row0, args.m, 0, args.k);
    fetch<type>(b_next, args.b, s.b_column, s.b_k, column0, args.n, 0, args.k);
    for (i64 step = 0; step < steps; ++step) {
      float(*a_now)[kPitch] = a_tile[step & 1];
      float(*b_now)[kPitch] = b_tile[step & 1];
      put(a_now, a_next, s.a_k);
      put(b_now, b_next, s.b_k);
      __syncthreads();  // the other buffer was last read before the previous barrier
      if (step + 1 < steps) {
        fetch<type>(a_next, args.a, s.a_row, s.a_k, row0, args.m, (step + 1) * kStep, args.k);
        fetch<type>(b_next, args.b, s.b_column, s.b_k, column0, args.n, (step + 1) * kStep, args.k);
      }
#pragma unroll
      for (int kk = 0; kk < kStep; ++kk) {
        float a[8], b[8];
        *reinterpret_cast<float4*>(a) = *reinterpret_cast<const float4*>(&a_now[kk][4 * ty]);
        *reinterpret_cast<float4*>(a + 4) = *reinterpret_cast<const float4*>(&a_now[kk][64 + 4 * ty]);
        *reinterpret_cast<float4*>(b) = *reinterpret_cast<const float4*>(&b_now[kk][4 * tx]);
        *reinterpret_cast<float4*>(b + 4) = *reinterpret_cast<const float4*>(&b_now[kk][64 + 4 * tx]);
#pragma unroll
        for (int i = 0; i < 8; ++i)
#pragma unroll
          for (int j = 0; j < 8; ++j) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
      }
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const i64 r = row0 + (i / 4) * 64 + 4 * ty + i % 4, c = column0 + (j / 4) * 64 + 4 * tx + j % 4;
        if (r < args.m && c < args.n)
          pre[r * pitch + first_column + c] = linear_part(args, s, r, first_column + c, sum[i][j]);
      }
    __syncthreads();  // the next turn writes what others may still read
  }
}

}  // namespace ak::probe

// pre[row * pitch + first_column + column] = the linear part of A.B, before the activation; first_column is n for the up of a
// gated problem, whose matrix comes as args.b. 256 threads, a grid of 128 x 128 tiles with columns along x and, as far as a grid
// reaches, rows along y.
extern "C" __global__ void __launch_bounds__(256, 2) ak_reference_f16(ak::KernelArgs args, ak::Strides s, long long first_column,
                                                                          long long pitch, float* pre) {
  ak::probe::reference<ak::F16>(args, s, first_column, pitch, pre);
}
extern "C" __global__ void __launch_bounds__(256, 2) ak_reference_bf16(ak::KernelArgs args, ak::Strides s, long long first_column,
                                                                           long long pitch, float* pre) {
  ak::probe::reference<ak::BF16>(args, s, first_column, pitch, pre);
}

// norms[i] = |scale[i]| (1 without one) * Euclidean norm over k of vector i of a strided matrix. One warp a vector where k is contiguous, else one thread.
extern "C" __global__ void ak_norms(const void* p, long long outers, long long k, long long outer_stride, long long k_stride,
                                    int type, const float* scale, float* norms) {
  using namespace ak::probe;
  if (k_stride == 1) {
    const int lane = threadIdx.x % 32;
    for (long long i = thread() / 32; i < outers; i += threads() / 32) {
      float sum = 0;
      for (long long s = lane; s < k; s += 32) {
        const float x = load(p, i * outer_stride + s, type);
        sum = fmaf(x, x, sum);
      }
      for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
      if (lane == 0) norms[i] = sqrtf(sum) * (scale ? fabsf(scale[i]) : 1.0f);
    }
  } else {
    for (long long i = thread(); i < outers; i += threads()) {
      float sum = 0;
#pragma unroll 8
      for (long long s = 0; s < k; ++s) {
        const float x = load(p, i * outer_stride + s * k_stride, type);
        sum = fmaf(x, x, sum);
      }
      norms[i] = sqrtf(sum) * (scale ? fabsf(scale[i]) : 1.0f);
    }
  }
}

// Recomputes `samples` elements in double, one block each, and counts those where the reference is off by more than its
// own bound; the corners are always among them.
extern "C" __global__ void ak_sample_reference(ak::KernelArgs args, ak::Strides s, ak::Comparison what,
                                               unsigned long long seed, unsigned long long* wrong) {
  using namespace ak::probe;
  const ak::u64 h = mix(seed ^ blockIdx.x);
  const long long wide = args.b2 ? 2ll * args.n : args.n;
  long long r = (h >> 32) % args.m, c = (h & 0xffffffffu) % wide;
  if (blockIdx.x < 4) r = blockIdx.x & 1 ? args.m - 1 : 0, c = blockIdx.x & 2 ? wide - 1 : 0;
  const void* b = c < args.n ? args.b : args.b2;
  const long long column = c < args.n ? c : c - args.n;
  double sum = 0;
  for (long long k = threadIdx.x; k < args.k; k += blockDim.x)
    sum += static_cast<double>(load(args.a, r * s.a_row + k * s.a_k, s.in)) * load(b, k * s.b_k + column * s.b_column, s.in);
  __shared__ double parts[32];
  for (int d = 16; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x) return;
  sum = 0;
  for (int w = 0; w < static_cast<int>(blockDim.x) / 32; ++w) sum += parts[w];
  const double bias = s.bias_axis ? load(args.bias, s.bias_axis == 1 ? c : r, s.bias_type) : 0.0f;
  const double beta_c = args.c ? static_cast<double>(args.beta) * load(args.c, r * args.ldc + c, s.out) : 0.0;
  if (args.row_scale) sum *= args.row_scale[r];
  if (args.column_scale) sum *= args.column_scale[c];
  const double exact = args.alpha * sum + bias + beta_c, p = what.reference.pre[r * wide + c];
  const double room = slack(what.tolerance, p, what.reference.row_norms[r], what.reference.column_norms[c], bias, beta_c);
  const bool agree = ak::is_nan(exact) ? ak::is_nan(p) : ak::is_finite(exact) ? fabs(exact - p) <= room : exact == p;
  if (!agree) atomicAdd(wrong, 1ull);
}
