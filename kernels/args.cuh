// The one argument block of every kernel, shared by host and device; no header is needed to read it.
#pragma once

namespace ak {

// Every kernel's workspace begins with this many bytes of counters, zero on entry and on exit, for kernels of different shapes share
// it; what follows is undefined on entry.
constexpr int kCounterBytes = 65536;

// pre[m,n] = alpha * row_scale[m] * column_scale[n] * sum_k A[m,k] B[k,n] + bias + beta * C[m,n], D = act(pre), row-major
// (src/core/problem.hpp has the canonical form). Gated: gate from b, up from b2, both so without C, D = act(gate) * up; a column
// bias and column_scale then have 2n elements and aux 2n columns, the gate's first.
struct KernelArgs {
  const void* a;         // A[m,k] at a[m * lda + k] (major k) or a[k * lda + m] (major m)
  const void* b;         // B[k,n] at b[n * ldb + k] (major k) or b[k * ldb + n] (major n)
  const void* c;         // same shape, order and type as D; null unless AK_HAS_C
  void* d;
  const void* bias;      // n elements (column) or m elements (row); null unless AK_BIAS
  const void* b2;        // the up matrix, with B's shape, major and ldb, wherever it lies; null unless AK_GATED
  void* aux;             // pre in D's type; null unless AK_AUX
  const float* row_scale;     // m elements; null unless AK_ROW_SCALE
  const float* column_scale;  // n elements; null unless AK_COLUMN_SCALE
  void* workspace;       // Geometry::workspace_bytes: kCounterBytes of counters, then scratch; 256-byte aligned
  long long lda, ldb, ldc, ldd, ldaux;  // elements
  int m, n, k;
  float alpha, beta, slope;
};

// CUtensorMap, opaque.
struct alignas(64) TensorMap {
  unsigned long long opaque[16];
};

}  // namespace ak
