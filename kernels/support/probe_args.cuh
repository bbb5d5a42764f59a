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
};

/// A reference: the linear part alpha*acc + bias + beta*c at [row * n + column], and the norms that its bound needs.
struct ReferenceView {
  float *pre, *row_norms, *column_norms;  // m*n, m, n elements
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
