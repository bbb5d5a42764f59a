/* The C API: D = silu(A . W^T + bias) on the default context, and a mistake, told by name. */
#include <ak/ak.h>
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>

static void check(ak_status status) {
  if (status == ak_status_ok) return;
  fprintf(stderr, "%s: %s\n", ak_status_name(status), ak_last_error());
  exit(1);
}

static void* zeros(size_t bytes) {
  void* data = NULL;
  if (cudaMalloc(&data, bytes) != cudaSuccess || cudaMemset(data, 0, bytes) != cudaSuccess) {
    fprintf(stderr, "no GPU, or not enough of its memory; `ak doctor` says what a machine lacks\n");
    exit(3);
  }
  return data;
}

int main(void) {
  const int64_t m = 16, n = 4096, k = 4096;
  ak_const_matrix a = AK_CONST_MATRIX_INIT, w_t = AK_CONST_MATRIX_INIT; /* bf16, row-major */
  ak_matrix d = AK_MATRIX_INIT;
  ak_epilogue epilogue = AK_EPILOGUE_INIT;
  ak_explanation told = AK_EXPLANATION_INIT;

  printf("autokernel %s\n", ak_version());
  a.data = zeros((size_t)(m * k) * 2), a.rows = m, a.cols = k, a.ld = k;
  /* w is stored as n rows of k; read as its transpose it is column-major, k x n. */
  w_t.data = zeros((size_t)(n * k) * 2), w_t.rows = k, w_t.cols = n, w_t.ld = k, w_t.order = ak_order_col;
  d.data = zeros((size_t)(m * n) * 2), d.rows = m, d.cols = n, d.ld = n;
  epilogue.activation = ak_activation_silu;
  epilogue.bias = zeros((size_t)n * 2);

  check(ak_matmul_act(NULL, NULL, &a, &w_t, &d, &epilogue)); /* the first call searches */
  check(ak_matmul_act(NULL, NULL, &a, &w_t, &d, &epilogue)); /* this one only launches */
  if (cudaDeviceSynchronize() != cudaSuccess) return 1;

  check(ak_explain(NULL, &a, &w_t, &d, &epilogue, &told));
  printf("%s: %s, %.2f us against %.2f us of cuBLASLt\n", told.problem, told.served_by, told.us, told.vendor_us);

  d.ld = 5;
  printf("as it should be, refused: %s\n", ak_matmul_act(NULL, NULL, &a, &w_t, &d, &epilogue) ? ak_last_error() : "it was not");
  return 0;
}
