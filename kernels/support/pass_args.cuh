// The argument block of the separate pass, shared by host and device.
#pragma once

namespace ak {

// D[r,c] = act(alpha * X[r,c] + bias + beta * C[r,c]), all row-major and of one type. X may be D itself; C too.
struct PassArgs {
  const void* x;      // null: alpha * X is 0
  const void* c;      // null: beta * C is 0
  void* d;
  const void* bias;   // columns or rows elements
  long long ldx, ldc, ldd;  // elements
  long long rows, columns;
  float alpha, beta, slope;
  int bias_axis;      // 0 none, 1 one per column, 2 one per row
  int bias_type;      // ak::Type
  int vector;         // 1: every row of X, C and D starts on 16 bytes
};

constexpr int kPassThreads = 256;     // per CTA, split by the host over columns (x) and rows (y)
constexpr int kPassRowsPerThread = 4; // in flight before the first store

}  // namespace ak
