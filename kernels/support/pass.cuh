// The separate pass: what cuBLASLt's epilogues lack, at the speed of memory. One kernel per activation and type; bias and C are
// run-time branches, uniform over the grid. Compiled at build time, so it needs no NVRTC.
#pragma once

#include "kernels/activation.cuh"
#include "kernels/support/pass_args.cuh"
#include "kernels/types.cuh"

namespace ak::pass {

__device__ __forceinline__ float load_as_float(const void* p, i64 index, int type) {
  if (type == F32) return static_cast<const float*>(p)[index];
  const u16 v = static_cast<const u16*>(p)[index];
  return type == BF16 ? to_float<BF16>(v) : to_float<F16>(v);
}

// `width` neighbours as one access; the row starts are aligned to it.
template <int type, int width>
struct alignas(sizeof(typename Storage<type>::T) * width) Chunk {
  typename Storage<type>::T v[width];
};

// Each thread owns `width` columns and every kPassRowsPerThread * blockDim.y * gridDim.y-th group of rows.
template <class Activation, int type, int width>
__device__ __forceinline__ void run(const PassArgs& args) {
  using T = typename Storage<type>::T;
  using C = Chunk<type, width>;
  const i64 column = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
  if (column >= args.columns) return;
  const int count = args.columns - column < width ? static_cast<int>(args.columns - column) : width;
  const bool whole = count == width;

  const auto read = [&](const void* base, i64 ld, i64 row, float (&out)[width]) {
    const T* at = static_cast<const T*>(base) + row * ld + column;
    if (whole) {
      const C chunk = *reinterpret_cast<const C*>(at);
#pragma unroll
      for (int i = 0; i < width; ++i) out[i] = to_float<type>(chunk.v[i]);
    } else {
#pragma unroll
      for (int i = 0; i < width; ++i) out[i] = i < count ? to_float<type>(at[i]) : 0.0f;
    }
  };

  float column_bias[width] = {};
  if (args.bias_axis == 1) {
#pragma unroll
    for (int i = 0; i < width; ++i)
      if (i < count) column_bias[i] = load_as_float(args.bias, column + i, args.bias_type);
  }

  const i64 step = static_cast<i64>(blockDim.y) * gridDim.y;
  for (i64 first = static_cast<i64>(blockIdx.y) * blockDim.y + threadIdx.y; first < args.rows; first += step * kPassRowsPerThread) {
    float x[kPassRowsPerThread][width] = {}, c[kPassRowsPerThread][width] = {};
    // All loads before the first store: X may be D.
#pragma unroll
    for (int j = 0; j < kPassRowsPerThread; ++j) {
      const i64 row = first + j * step;
      if (row >= args.rows) continue;
      if (args.x) read(args.x, args.ldx, row, x[j]);
      if (args.c) read(args.c, args.ldc, row, c[j]);
    }
#pragma unroll
    for (int j = 0; j < kPassRowsPerThread; ++j) {
      const i64 row = first + j * step;
      if (row >= args.rows) continue;
      const float row_bias = args.bias_axis == 2 ? load_as_float(args.bias, row, args.bias_type) : 0.0f;
      C chunk;
#pragma unroll
      for (int i = 0; i < width; ++i) {
        float y = args.x ? args.alpha * x[j][i] : 0.0f;
        y += args.bias_axis == 2 ? row_bias : column_bias[i];
        if (args.c) y += args.beta * c[j][i];
        chunk.v[i] = from_float<type>(Activation::apply(y, args.slope));
      }
      T* at = static_cast<T*>(args.d) + row * args.ldd + column;
      if (whole) {
        *reinterpret_cast<C*>(at) = chunk;
      } else {
#pragma unroll
        for (int i = 0; i < width; ++i)
          if (i < count) at[i] = chunk.v[i];
      }
    }
  }
}

template <class Activation, int type>
__device__ __forceinline__ void dispatch(const PassArgs& args) {
  if (args.vector)
    run<Activation, type, 16 / sizeof(typename Storage<type>::T)>(args);
  else
    run<Activation, type, 1>(args);
}

}  // namespace ak::pass

// ak::math's vocabulary is what the expressions are written in.
#define AK_ACTIVATION(name, expression)                                                      \
  namespace ak::math {                                                                       \
  struct Activation_##name {                                                                 \
    static __device__ __forceinline__ float apply(float x, [[maybe_unused]] float slope) {   \
      return expression;                                                                     \
    }                                                                                        \
  };                                                                                         \
  }                                                                                          \
  extern "C" __global__ void __launch_bounds__(ak::kPassThreads)                             \
      pass_##name##_f16(const __grid_constant__ ak::PassArgs args) {                         \
    ak::pass::dispatch<ak::math::Activation_##name, ak::F16>(args);                          \
  }                                                                                          \
  extern "C" __global__ void __launch_bounds__(ak::kPassThreads)                             \
      pass_##name##_bf16(const __grid_constant__ ak::PassArgs args) {                        \
    ak::pass::dispatch<ak::math::Activation_##name, ak::BF16>(args);                         \
  }                                                                                          \
  extern "C" __global__ void __launch_bounds__(ak::kPassThreads)                             \
      pass_##name##_f32(const __grid_constant__ ak::PassArgs args) {                         \
    ak::pass::dispatch<ak::math::Activation_##name, ak::F32>(args);                          \
  }
#include "ak/activations.def"
#undef AK_ACTIVATION
