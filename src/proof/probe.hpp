// Probe: the support kernels that make inputs, poison outputs, compute references and compare (kernels/support). Every call
// enqueues on the given stream and returns.
#pragma once

#include <cstdint>

#include "core/problem.hpp"
#include "kernels/support/probe_args.cuh"
#include "plan/resources.hpp"
#include "proof/layout.hpp"

namespace ak {

/// What a check starts from.
constexpr Finding kNothingFound{0, ~0ull, 0, 0, 0, 0, 0, 0, 0, ~0ull};

/// What ak_fill can write (kernels/support/probe_args.cuh).
enum class Values : std::int32_t {
  normal = kFillNormal,
  integers = kFillIntegers,
  zeros = kFillZeros,
  powers = kFillPowers,
  branches = kFillBranches,
  unit_rows = kFillUnitRows,
  unit_columns = kFillUnitColumns,
  extreme_a_rows = kFillExtremeARows,
  extreme_a_columns = kFillExtremeAColumns,
  extreme_b_rows = kFillExtremeBRows,
  extreme_b_columns = kFillExtremeBColumns,
  extreme_terms = kFillExtremeTerms,
  extreme_row_terms = kFillExtremeRowTerms,
};

/// The bound of a kernel that rounds once, at the end.
Tolerance tolerance_of(const Problem& problem, double alpha);

class Probe {
 public:
  explicit Probe(Resources& resources) : resources_(resources) {}

  void fill(CUstream stream, std::uint64_t base, const Region& region, Values values, float scale, std::uint64_t seed) const;
  /// The whole region, guards and gaps too.
  void poison(CUstream stream, std::uint64_t base, const Region& region, std::uint64_t seed) const;
  /// Adds to finding->broken what is no longer poison outside the region's rows and columns.
  void check_guards(CUstream stream, std::uint64_t base, const Region& region, std::uint64_t seed, Finding* finding) const;
  /// Adds to finding->hash. bytes is a multiple of 16.
  void hash(CUstream stream, std::uint64_t base, std::int64_t bytes, Finding* finding) const;
  void equal(CUstream stream, std::uint64_t x, std::uint64_t y, std::int64_t bytes, Finding* finding) const;

  void reference(CUstream stream, const Problem& problem, const CallArgs& args, const ReferenceView& out) const;
  /// Recomputes elements of the reference in double: finding->wrong_samples.
  void sample(CUstream stream, const Problem& problem, const CallArgs& args, const ReferenceView& reference, int samples,
              std::uint64_t seed, Finding* finding) const;
  /// Holds args.d and args.aux to the reference: violations, first, error, aux_violations, aux_first.
  void compare(CUstream stream, const Problem& problem, const CallArgs& args, const ReferenceView& reference,
               const Tolerance& tolerance, Finding* finding) const;

 private:
  Resources& resources_;
};

}  // namespace ak
