// Problem: WHAT to compute, as a value with ==. It is the key of every table and record.
//
// Canonical form: D is always row-major. A column-major D is its own transpose, so the API swaps A and B; bias then runs
// along the rows. What remains is
//     D[m,n] = act(pre[m,n]),  pre[m,n] = alpha * row_scale[m] * column_scale[n] * sum_k A[m,k] * B[k,n] + bias + beta * C[m,n]
// where each of A and B is contiguous either along k or along its other axis. aux, when asked for, is pre. Gated, there are two
// such products of one A, without C, and D[m,n] = act(gate[m,n]) * up[m,n]; bias along columns, column_scale and aux then have
// 2n columns, the gate's before the up's. n is D's columns: each of the two B is k x n, with one leading dimension.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ak/types.hpp"

namespace ak {

/// Which axis of an operand is contiguous in memory: `k`, or `mn` (m for A, n for B).
enum class Major : std::uint8_t { k, mn };

/// Along which axis of the canonical D the bias runs.
enum class BiasAxis : std::uint8_t { none, column, row };

/// In the order of Numerics.
inline constexpr std::string_view kNumericsNames[] = {"fast", "deterministic", "batch_invariant"};
/// `single_pass` was deterministic's name.
std::optional<Numerics> parse_numerics(std::string_view text);

/// The epilogue's structure. Its values (alpha, beta, slope, pointers) are launch arguments: a new alpha starts no search.
struct EpilogueSpec {
  Activation activation = Activation::identity;
  DType out = DType::bf16;
  BiasAxis bias = BiasAxis::none;
  DType bias_dtype = DType::bf16;  // DType::bf16 when there is no bias, so that == means same kernel
  bool has_c = false;              // beta != 0
  bool unit_alpha = true;          // alpha == 1
  bool gated = false;              // never with has_c
  bool aux = false;                // pre is stored too, in D's type
  bool row_scale = false, column_scale = false;

  bool scaled() const { return row_scale || column_scale; }
  /// Products that an element of D is made of: one, or the gate's and the up projection's.
  int gates() const { return gated ? 2 : 1; }
  bool operator==(const EpilogueSpec&) const = default;
};

struct Problem {
  std::int64_t m = 0, n = 0, k = 0;
  std::int32_t batch = 1;  // reserved: only 1 is served
  DType in = DType::bf16;
  Major a_major = Major::k, b_major = Major::k;
  // Bytes that divide every row or column start of an operand: the largest of 2, 4, 8, 16 that divides both the pointer and
  // ld * size. align_b is of B and the up matrix together, align_d of D and aux together; align_c is 16 when there is no C.
  std::uint8_t align_a = 16, align_b = 16, align_c = 16, align_d = 16;
  EpilogueSpec epilogue;
  Numerics numerics = Numerics::fast;

  bool operator==(const Problem&) const = default;

  /// Columns of all products together: 2n when gated. That many columns aux has, and elements column_scale and a column bias.
  std::int64_t wide_n() const { return epilogue.gates() * n; }
  double flops() const { return 2.0 * m * wide_n() * k; }
  /// Every input read once, D and aux written once.
  double bytes() const;
};

/// 64-bit hash for the in-process table; not persistent.
std::uint64_t hash(const Problem& problem);

/// Stable text, one token a field: "4096x4096x4096 bf16 a=k b=k out=bf16 align=16,16,16,16 relu bias=column:bf16", then
/// "gated", "c", "alpha", "aux", "scale=row|column|both", "deterministic" or "batch_invariant", "batch=N" where they apply. It
/// reads back with parse_problem; fields at their defaults may be left out.
std::string to_string(const Problem& problem);

/// Why its fields cannot be those of any problem; empty when they can.
std::string fault_of(const Problem& problem);

/// Throws Error{invalid_argument} that names the token.
Problem parse_problem(std::string_view text);

std::string_view name(DType dtype);
std::optional<DType> parse_dtype(std::string_view text);

}  // namespace ak
