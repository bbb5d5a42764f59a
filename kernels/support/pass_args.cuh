// The argument block of the separate pass, shared by host and device.
#pragma once

namespace ak {

// D[r,c] = act(pre), pre = alpha * row_scale[r] * column_scale[c] * X[r,c] + bias + beta * C[r,c], all matrices row-major, X in
// f32, the others of one type. Gated: D[r,c] = act(gate) * up, gate so from X, up from X2 and from the second half of
// column_scale and of a column bias, both without C. Aux gets pre; gated, it is twice as wide and gets gate, then up. C may be
// D.
struct PassArgs {
  const void* x;      // f32, on any address; null: alpha * X is 0
  const void* x2;     // gated: with x's leading dimension; null exactly when x is
  const void* c;      // null: beta * C is 0
  void* d;
  void* aux;          // null: pre is not stored
  const void* bias;   // columns or rows elements; gated: 2 * columns
  const float *row_scale, *column_scale;  // null: 1
  long long ldx, ldc, ldd, ldaux;  // elements
  long long rows, columns;
  float alpha, beta, slope;
  int gated;
  int bias_axis;      // 0 none, 1 one per column, 2 one per row
  int bias_type;      // ak::Type
  int access;         // PassAccess
  int rows_per_thread;  // 1 .. kPassRowsPerThread
};

enum PassAccess {
  kPassElements = 0,  // one element at a time: another matrix is shifted against D (rare, and slow)
  kPassAligned = 1,   // every row of every matrix starts on 16 bytes
  kPassShifted = 2,   // rows start anywhere, but those of all matrices as far from a 16-byte boundary as D's
};

constexpr int kPassThreads = 256;     // per CTA, split by the host over columns (x) and rows (y)
constexpr int kPassRowsPerThread = 2; // in flight before the first store

}  // namespace ak
