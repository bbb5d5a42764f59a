// The argument blocks of the checks (probe.cuh, reference.cuh), shared by host and device.
#pragma once

#include "kernels/support/tolerance.cuh"

namespace ak {

/// What one check found; set to {0, ~0, 0, ...} by the host before.
struct Finding {
  unsigned long long violations;     // elements of D outside their bound
  unsigned long long first;          // row * n + column of the first; ~0 when there is none
  unsigned int error;                // bits of the float: the worst element's error over what it is allowed
  unsigned int unused;
  unsigned long long broken;         // guard and gap elements that no longer hold the poison
  unsigned long long hash;           // of the inputs
  unsigned long long different;      // 16-byte blocks in which two outputs differ
  unsigned long long wrong_samples;  // elements of the reference that double precision contradicts
  unsigned long long aux_violations; // elements of aux outside their bound
  unsigned long long aux_first;      // row * aux's columns + column of the first; ~0 when there is none
};

// What ak_fill writes, times its scale.
enum Fill {
  kFillNormal = 0,    // standard normal numbers
  kFillIntegers = 1,  // -1, 0, 1
  kFillZeros = 2,
  kFillPowers = 3,       // 0.5, 1, 2 and their negatives; most are 1
  kFillBranches = 4,     // where an activation changes its form, the neighbours of that, and large numbers
  kFillUnitRows = 5,     // 1 at column row % columns of each row, else 0
  kFillUnitColumns = 6,  // 1 at row column % rows of each column, else 0
  // What leaves the comfortable range. A has one element a row, 1 or 256, infinity and NaN in some, and zeros of both signs;
  // B's columns are ordinary, large (300: beyond f16 times 256), denormal, zeros of both signs, or have an infinity or a NaN;
  // what is added brings large ones back. As stored: along the rows or along the columns of the matrix.
  kFillExtremeARows = 7,
  kFillExtremeAColumns = 8,
  kFillExtremeBRows = 9,
  kFillExtremeBColumns = 10,
  kFillExtremeTerms = 11,     // of C, of a bias along columns
  kFillExtremeRowTerms = 12,  // of a bias along rows
};

/// A reference: the linear part alpha*acc + bias + beta*c at [row * wide + column], and the norms that its bound needs, times the
/// scales. wide is n; gated, it is 2n, the gate's columns before the up's.
struct ReferenceView {
  float *pre, *row_norms, *column_norms;  // m*wide, m, wide elements
};

/// Where the operands lie: A[i,k] at a[i * a_row + k * a_k], B[k,j] at b[k * b_k + j * b_column]. Types are ak::DType.
struct Strides {
  long long a_row, a_k, b_k, b_column;
  int in, out, bias_type, bias_axis;  // bias_axis: 0 none, 1 one per column, 2 one per row
};

struct Comparison {
  ReferenceView reference;
  int out, bias_type, bias_axis;
  Tolerance tolerance;
};

}  // namespace ak
