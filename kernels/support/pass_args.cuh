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
  int access;         // PassAccess
  int rows_per_thread;  // 1 .. kPassRowsPerThread
};

enum PassAccess {
  kPassElements = 0,  // one element at a time: X or C is shifted against D (rare, and slow)
  kPassAligned = 1,   // every row of X, C and D starts on 16 bytes
  kPassShifted = 2,   // rows start anywhere, but those of X and C as far from a 16-byte boundary as D's
};

constexpr int kPassThreads = 256;     // per CTA, split by the host over columns (x) and rows (y)
constexpr int kPassRowsPerThread = 2; // in flight before the first store

}  // namespace ak
