// Where the operands of one instance of a problem lie inside one block of device memory: real alignment classes, leading
// dimensions as a caller would have them, guard bands around each. Arithmetic only, no CUDA.
#pragma once

#include <array>
#include <cstdint>

#include "core/problem.hpp"
#include "plan/call_args.hpp"

namespace ak {

/// `tight` is what a caller has: the smallest leading dimension of the class. `gapped` leaves room after every row, so that
/// what is read or written there shows.
enum class Spacing { tight, gapped };

struct Region {
  std::int64_t begin = 0;                   // bytes from the block's start, a multiple of 256
  std::int64_t elements = 0;                // of the whole region, guards included; 0: the problem has no such operand
  std::int64_t first = 0;                   // element of row 0, column 0
  std::int64_t rows = 0, cols = 0, ld = 0;  // as stored: cols are contiguous
  DType type = DType::bf16;

  std::int64_t bytes() const { return elements * size_of(type); }       // a multiple of 256
  std::int64_t last() const { return first + (rows - 1) * ld + cols; }  // one past the last element
};

struct Layout {
  Region a, b, b2, c, bias, row_scale, column_scale, d, aux;
  std::int64_t bytes = 0;

  std::array<const Region*, 7> inputs() const { return {&a, &b, &b2, &c, &bias, &row_scale, &column_scale}; }
  std::array<const Region*, 2> outputs() const { return {&d, &aux}; }
  /// All inputs lie before D, all outputs from there on.
  std::int64_t input_bytes() const { return d.begin; }
  std::int64_t output_bytes() const { return bytes - d.begin; }
  /// Data and leading dimensions for a block at `base`, the sizes of the problem, alpha 1, beta 0, slope 0.
  CallArgs args(const Problem& problem, std::uint64_t base) const;
};

/// guard_bytes: before and after each operand, rounded up to 256. Data and strides have exactly the problem's classes; bias
/// and scales lie on 16 bytes when tight, on their element's size and no more when gapped. A
/// gated problem's B is one matrix when tight, as far as its alignment allows, and two when gapped.
Layout make_layout(const Problem& problem, Spacing spacing, std::int64_t guard_bytes);

}  // namespace ak
