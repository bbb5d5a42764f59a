// The values a caller speaks in: element types, matrix views, the epilogue, errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "ak/export.h"

struct CUstream_st;  // CUstream and cudaStream_t are both pointers to this

namespace ak {

enum class DType : std::uint8_t { f16, bf16, f32 };

/// Bytes of one element.
constexpr int size_of(DType t) {
  switch (t) {  // without a default: the compiler asks for a new type's size
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::f32:
      return 4;
  }
  return 0;
}

/// Storage order: row-major puts row r, column c at data[r * ld + c]; column-major at data[c * ld + r].
enum class Order : std::uint8_t { row, col };

enum class Activation : std::uint8_t {
#define AK_ACTIVATION(name, expression) name,
#include "ak/activations.def"
#undef AK_ACTIVATION
};

constexpr int kActivationCount = 0
#define AK_ACTIVATION(name, expression) +1
#include "ak/activations.def"
#undef AK_ACTIVATION
    ;

using Stream = CUstream_st*;  // nullptr is the legacy default stream

/// A view of a device matrix of rows x cols elements; ld is the leading dimension in elements. Of a batch, so many of them,
/// batch_stride elements apart: only batches of 1 are served yet, and 1 has no use for a stride.
struct ConstMatrix {
  const void* data = nullptr;
  std::int64_t rows = 0, cols = 0, ld = 0;
  DType dtype = DType::bf16;
  Order order = Order::row;
  std::int64_t batch = 1, batch_stride = 0;

  /// The same memory read as its transpose, each matrix of a batch; nothing moves.
  ConstMatrix transposed() const {
    return {data, cols, rows, ld, dtype, order == Order::row ? Order::col : Order::row, batch, batch_stride};
  }
};

struct Matrix {
  void* data = nullptr;
  std::int64_t rows = 0, cols = 0, ld = 0;
  DType dtype = DType::bf16;
  Order order = Order::row;
  std::int64_t batch = 1, batch_stride = 0;

  Matrix transposed() const {
    return {data, cols, rows, ld, dtype, order == Order::row ? Order::col : Order::row, batch, batch_stride};
  }
  operator ConstMatrix() const { return {data, rows, cols, ld, dtype, order, batch, batch_stride}; }
};

/// Which orders of summation along k a problem's kernels may have.
enum class Numerics : std::uint8_t {
  fast,             ///< any; each kernel's own bits are the same at every launch (the default)
  deterministic,    ///< one for the problem: equal bits whichever process, winner or cache serves it. Never cuBLASLt
  batch_invariant,  ///< one for every m: a row's bits do not depend on how many others there are either
};

/// Plain:  pre = alpha * row_scale[r] * column_scale[c] * (A.B)[r,c] + bias[c] + beta * C[r,c];  D = activation(pre);  aux =
/// pre. Gated:  gate and up are two such products of one A, without C;  D = activation(gate) * up;  aux = gate's columns, then
/// up's.
///
/// bias: cols(D) elements of bias_dtype, one per column of D whatever D's order, or null. Gated: 2 * cols(D), the gate's first.
/// c: same shape, dtype and order as D; not read when beta is 0. It may be D itself, never a partial overlap.
/// slope: of leaky_relu below zero.
/// gated: SwiGLU with silu, GeGLU with a gelu, ReGLU with relu. B is k x 2n, the gate's n columns before the up's, and D is
///   m x n; or, when `up` is given, B is the gate's k x n and `up` of the same shape, dtype, order and leading dimension. D is
///   row-major; beta is 0.
/// aux: what the activation is given, rounded to D's dtype, for a backward pass: D's dtype and order, m x n (gated: m x 2n), an
///   own leading dimension. It overlaps nothing else.
/// row_scale: rows(D) floats; column_scale: cols(D) floats (gated: 2 * cols(D), the gate's first); or null.
/// numerics: of this product, instead of the context's Options::numerics. In mode `off` only `fast` is to be had.
struct Epilogue {
  Activation activation = Activation::identity;
  float alpha = 1.0f, beta = 0.0f, slope = 0.01f;
  const void* bias = nullptr;
  DType bias_dtype = DType::bf16;
  ConstMatrix c = {};
  bool gated = false;
  ConstMatrix up = {};
  Matrix aux = {};
  const float *row_scale = nullptr, *column_scale = nullptr;
  std::optional<Numerics> numerics = {};
};

/// Where the scratch memory of launches comes from, instead of the driver. Both are called in the CUDA context that it is for,
/// with the thread's capture mode relaxed, on the thread of the call that needs it or of one that ends a context, and under a
/// lock: neither may call this library, wait for another thread's call or throw. `user` is theirs, and outlives every context
/// that has it and every graph that was captured with one.
struct ScratchAllocator {
  /// At least `bytes` of device memory, 256-byte aligned, for work on the stream; null: there is none, and a plan that needs
  /// none serves. While the stream is captured the memory has to be there at once and stay: not an allocation that the graph
  /// records.
  void* (*allocate)(std::int64_t bytes, Stream stream, void* user) = nullptr;
  /// stream: the one that it was allocated for, which the caller may have destroyed since. What was enqueued there before may
  /// still use the memory; a graph's is given back when the graph, and all that was made of it, is gone. A stream's is when it
  /// needs more, where no more is to be had and no call has used it for a while, and at the end.
  void (*release)(void* data, std::int64_t bytes, Stream stream, void* user) = nullptr;
  void* user = nullptr;
};

enum class ErrorCode : int {
  ok = 0,
  invalid_argument = 1,  ///< the message names the argument
  unsupported = 2,       ///< a dtype mix or GPU that no kernel serves
  missing_library = 3,   ///< libcuda, NVRTC or cuBLASLt could not be opened; the message names it
  driver = 4,            ///< a CUDA driver call failed
  out_of_memory = 5,     ///< device memory for workspace
  internal = 6,
};

class AK_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace ak
