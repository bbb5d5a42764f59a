// The separate pass: what cuBLASLt's epilogues lack, from its f32 product, at the speed of memory. One kernel per activation and
// type; bias and C are run-time branches, uniform over the grid. Compiled at build time, so it needs no NVRTC.
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

// `width` neighbours of C, D or Aux as one access, kept packed until they are used: registers bound the loads in flight.
template <int type, int width>
struct Chunk {
  using T = typename Storage<type>::T;
  static constexpr int kWords = sizeof(T) * width / 4, kPerWord = 4 / sizeof(T);
  struct alignas(16) { u32 w[kWords]; } raw;

  __device__ __forceinline__ float at(int i) const {
    if constexpr (type == F32) return __uint_as_float(raw.w[i]);
    else return to_float<type>(static_cast<u16>(raw.w[i / kPerWord] >> (i % kPerWord * 16)));
  }
  __device__ __forceinline__ void set(const float (&y)[width]) {
#pragma unroll
    for (int i = 0; i < kWords; ++i) {
      if constexpr (type == F32) raw.w[i] = __float_as_uint(y[i]);
      else raw.w[i] = pack<type>(y[2 * i], y[2 * i + 1]);
    }
  }
};

// `width` neighbours from an element on, in as few accesses as their address allows.
template <int width>
__device__ __forceinline__ void read_columns(float (&out)[width], const void* p, i64 first, int type) {
  const char* at = static_cast<const char*>(p) + first * (type == F32 ? 4 : 2);
  if (type == F32 && reinterpret_cast<u64>(at) % 16 == 0) {
#pragma unroll
    for (int i = 0; i < width; i += 4) *reinterpret_cast<float4*>(&out[i]) = *reinterpret_cast<const float4*>(at + 4 * i);
  } else if (type != F32 && reinterpret_cast<u64>(at) % (2 * width) == 0) {
    u32 words[width / 2];
    if constexpr (width == 8) {
      const uint4 all = *reinterpret_cast<const uint4*>(at);
      words[0] = all.x, words[1] = all.y, words[2] = all.z, words[3] = all.w;
    } else {
      const uint2 all = *reinterpret_cast<const uint2*>(at);
      words[0] = all.x, words[1] = all.y;
    }
#pragma unroll
    for (int i = 0; i < width; ++i) {
      const u16 v = static_cast<u16>(words[i / 2] >> (i % 2 * 16));
      out[i] = type == BF16 ? to_float<BF16>(v) : to_float<F16>(v);
    }
  } else {
#pragma unroll
    for (int i = 0; i < width; ++i) out[i] = load_as_float(p, first + i, type);
  }
}

// pre[i] of a chunk; `offset` is where its half of the bias and of column_scale begins.
template <class C, int width>
__device__ __forceinline__ void linear(float (&pre)[width], const PassArgs& args, const float (&x)[width], const C& c, i64 row,
                                       i64 column, i64 offset) {
  const float row_scale = args.row_scale ? args.row_scale[row] : 1.0f;
  float vector[width];
  if (args.column_scale) read_columns(vector, args.column_scale, offset + column, F32);
#pragma unroll
  for (int i = 0; i < width; ++i) {
    pre[i] = args.x ? args.alpha * x[i] * row_scale : 0.0f;
    if (args.column_scale && args.x) pre[i] *= vector[i];
    if (args.c) pre[i] += args.beta * c.at(i);
  }
  if (args.bias_axis == 2) {
    const float one = load_as_float(args.bias, row, args.bias_type);
#pragma unroll
    for (int i = 0; i < width; ++i) pre[i] += one;
  } else if (args.bias_axis == 1) {
    read_columns(vector, args.bias, offset + column, args.bias_type);
#pragma unroll
    for (int i = 0; i < width; ++i) pre[i] += vector[i];
  }
}

// The same of one element, which goes to Aux too.
template <int type>
__device__ __forceinline__ float linear_one(const PassArgs& args, const void* x, i64 row, i64 column, i64 offset) {
  using T = typename Storage<type>::T;
  float pre = 0.0f;
  if (x) {
    pre = args.alpha * static_cast<const float*>(x)[row * args.ldx + column];
    if (args.row_scale) pre *= args.row_scale[row];
    if (args.column_scale) pre *= args.column_scale[offset + column];
  }
  if (args.bias_axis) pre += load_as_float(args.bias, args.bias_axis == 1 ? offset + column : row, args.bias_type);
  if (args.c) pre += args.beta * to_float<type>(static_cast<const T*>(args.c)[row * args.ldc + column]);
  if (args.aux) static_cast<T*>(args.aux)[row * args.ldaux + offset + column] = from_float<type>(pre);
  return pre;
}

// Each thread owns `width` columns of some rows, beginning where D's addresses are aligned: a row's first and last chunk may be
// partial. One body serves all alignments, for it is compiled for every activation. full: a gate, Aux and scales may be there.
template <class Activation, int type, bool full>
__device__ __forceinline__ void run(const PassArgs& args) {
  using T = typename Storage<type>::T;
  constexpr int width = 16 / sizeof(T);
  using C = Chunk<type, width>;
  const i64 chunk_column = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * width;
  const bool wide = args.access != kPassElements, shifted = args.access == kPassShifted;

  const auto column_of = [&](i64 row) -> i64 {
    const u64 at = reinterpret_cast<u64>(static_cast<const T*>(args.d) + row * args.ldd) / sizeof(T);
    return chunk_column - (shifted ? static_cast<int>(at % width) : 0);
  };
  const auto whole = [&](i64 column) { return wide && column >= 0 && column + width <= args.columns; };
  const auto read_c = [&](i64 row, i64 column) {
    return *reinterpret_cast<const decltype(C::raw)*>(static_cast<const T*>(args.c) + row * args.ldc + column);
  };
  const auto write = [&](void* base, i64 at, const float (&y)[width]) {
    C chunk;
    chunk.set(y);
    *reinterpret_cast<decltype(chunk.raw)*>(static_cast<T*>(base) + at) = chunk.raw;
  };

  float bias[width] = {};
  bool bias_read = false;
  const int per_thread = args.rows_per_thread;
  for (i64 first = static_cast<i64>(blockIdx.y) * blockDim.y * per_thread + threadIdx.y; first < args.rows;
       first += static_cast<i64>(gridDim.y) * blockDim.y * per_thread) {
    float x[kPassRowsPerThread][width], x2[kPassRowsPerThread][full ? width : 1];
    C c[kPassRowsPerThread];
    // All loads before the first store, which C may be.
#pragma unroll
    for (int j = 0; j < kPassRowsPerThread; ++j) {
      const i64 row = first + j * static_cast<int>(blockDim.y);
      const i64 column = column_of(row);
      if (j >= per_thread || row >= args.rows || !whole(column)) continue;
      if (args.x) read_columns(x[j], args.x, row * args.ldx + column, F32);
      if constexpr (full) {
        if (args.x2) read_columns(x2[j], args.x2, row * args.ldx + column, F32);
      }
      if (args.c) c[j].raw = read_c(row, column);
    }
#pragma unroll
    for (int j = 0; j < kPassRowsPerThread; ++j) {
      const i64 row = first + j * static_cast<int>(blockDim.y);
      const i64 column = column_of(row);
      if (j >= per_thread || row >= args.rows || !whole(column)) continue;
      float y[width];
      if constexpr (full) {
        linear(y, args, x[j], c[j], row, column, 0);
        if (args.aux) write(args.aux, row * args.ldaux + column, y);
#pragma unroll
        for (int i = 0; i < width; ++i) y[i] = Activation::apply(y[i], args.slope);
        if (args.gated) {
          float up[width];
          linear(up, args, x2[j], c[j], row, column, args.columns);
          if (args.aux) write(args.aux, row * args.ldaux + args.columns + column, up);
#pragma unroll
          for (int i = 0; i < width; ++i) y[i] *= up[i];
        }
      } else {
        if (args.bias_axis == 2) {
          const float one = load_as_float(args.bias, row, args.bias_type);
#pragma unroll
          for (int i = 0; i < width; ++i) bias[i] = one;
        } else if (args.bias_axis == 1 && (shifted || !bias_read)) {
          read_columns(bias, args.bias, column, args.bias_type);
          bias_read = true;
        }
#pragma unroll
        for (int i = 0; i < width; ++i) {
          y[i] = bias[i];
          if (args.x) y[i] += args.alpha * x[j][i];
          if (args.c) y[i] += args.beta * c[j].at(i);
          y[i] = Activation::apply(y[i], args.slope);
        }
      }
      write(args.d, row * args.ldd + column, y);
    }
    // The chunks at a row's ends, where the wide access would leave it.
#pragma unroll 1
    for (int j = 0; j < per_thread; ++j) {
      const i64 row = first + j * static_cast<int>(blockDim.y);
      const i64 column = column_of(row);
      if (row >= args.rows || whole(column)) continue;
#pragma unroll 1
      for (i64 col = column < 0 ? 0 : column; col < column + width && col < args.columns; ++col) {
        float y;
        if constexpr (full) {
          y = Activation::apply(linear_one<type>(args, args.x, row, col, 0), args.slope);
          if (args.gated) y *= linear_one<type>(args, args.x2, row, col, args.columns);
        } else {
          y = args.bias_axis ? load_as_float(args.bias, args.bias_axis == 1 ? col : row, args.bias_type) : 0.0f;
          if (args.x) y += args.alpha * static_cast<const float*>(args.x)[row * args.ldx + col];
          if (args.c) y += args.beta * to_float<type>(static_cast<const T*>(args.c)[row * args.ldc + col]);
          y = Activation::apply(y, args.slope);
        }
        static_cast<T*>(args.d)[row * args.ldd + col] = from_float<type>(y);
      }
    }
  }
}

}  // namespace ak::pass
