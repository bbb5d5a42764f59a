// a[i] = b[i] + 1; c[i] = a[i] * 2, d[i] = b[i + 1] - b[i]: three groups in one launch
// arguments: n, float a[n] = 0, float b[n+1] = mixed, float c[n] = 0, float d[n] = 0
// launches: planted n
// right: of 64 threads: kThreads = 128 => kThreads = 64
// right: read again: c[i] = here * 2 => c[i] = a[i] * 2
// right: in another order: a[i] = here;\n  c[i] = here * 2; => c[i] = here * 2;\n  a[i] = here;
// wrong value: the value from before: c[i] = here * 2 => c[i] = b[i] * 2
// wrong value: the old element: const float here = b[i] + 1;\n  a[i] = here;\n  c[i] = here * 2; => c[i] = a[i] * 2;\n  a[i] = b[i] + 1;\n  const float here = 0;
// wrong race: the neighbour's of this launch: c[i] = here * 2 => c[i] = i > 0 ? (a[i - 1] - b[i - 1] + b[i]) * 2 : here * 2
// wrong race: in the place of what others read: a[i] = here;\n => a[i] = here;\n  b[i] = here - 1;\n
// wrong bounds: one further: d[i] = b[i + 1] - b[i] => d[i] = b[i + 2] - b[i]
// wrong bounds: no guard for the second group: if (i >= n) return; => if (i > n) return;
// wrong divergence: a barrier between groups, and not for all: a[i] = here; => a[i] = here;\n  __syncthreads();
constexpr int kThreads = 128;
__global__ void planted(int n, float* a, float* b, float* c, float* d) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= n) return;
  const float here = b[i] + 1;
  a[i] = here;
  c[i] = here * 2;
  d[i] = b[i + 1] - b[i];
}
