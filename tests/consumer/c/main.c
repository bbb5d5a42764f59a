/* Links, runs, and gets a status and a message that name the argument, with or without a GPU. */
#include <ak/ak.h>
#include <ak/cublas.h>
#include <stdio.h>
#include <string.h>

static int expect(ak_status status, ak_status expected, const char *start) {
  printf("%s: %s\n", ak_status_name(status), ak_last_error());
  return status == expected && strncmp(ak_last_error(), start, strlen(start)) == 0;
}

int main(void) {
  ak_options options = AK_OPTIONS_INIT;
  ak_context *context;
  ak_const_matrix a = {NULL, 4, 8, 8, ak_dtype_bf16, ak_order_row};
  ak_const_matrix b = {&a, 8, 2, 2, ak_dtype_bf16, ak_order_row};
  ak_matrix d = {&options, 4, 2, 2, ak_dtype_bf16, ak_order_row};
  ak_epilogue epilogue = AK_EPILOGUE_INIT;
  ak_cublas_epilogue cublas = AK_CUBLAS_EPILOGUE_INIT;
  ak_call call = {a, b, d, NULL};
  const float one = 1, zero = 0;
  int good = 1;

  options.cache_dir = "";
  if (ak_context_create(&options, &context) != ak_status_ok) return 1;
  printf("%s\n", ak_version());
  epilogue.activation = ak_activation_silu;
  good &= expect(ak_matmul_act(context, NULL, &a, &b, &d, &epilogue), ak_status_invalid_argument, "a: data is null");
  good &= expect(ak_matmul_act(context, NULL, &a, NULL, &d, &epilogue), ak_status_invalid_argument, "b: is null");
  epilogue.activation = ak_activation_count;
  good &= expect(ak_matmul_act(context, NULL, &a, &b, &d, &epilogue), ak_status_invalid_argument, "epilogue.activation");
  good &= expect(ak_cublasGemmEx(context, NULL, 0, 0, 4, 4, 4, &one, &a, 2, 3, &b, 2, 4, &zero, &d, 2, 4, 68, -1,
                                 ak_activation_relu, 0, NULL, 0),
                 ak_status_invalid_argument, "A: leading dimension 3");
  good &= expect(ak_cublasGemmEx(context, NULL, 0, 0, 4, 4, 4, &one, &a, 2, 4, &b, 2, 4, &zero, &d, 2, 4, 64, -1,
                                 ak_activation_relu, 0, NULL, 0),
                 ak_status_unsupported, "computeType: 64");
  good &= expect(ak_cublasGemmEx(context, NULL, 0, 0, 4, 4, 4, NULL, &a, 2, 4, &b, 2, 4, &zero, &d, 2, 4, 68, -1,
                                 ak_activation_relu, 0, NULL, 0),
                 ak_status_invalid_argument, "alpha: is null");
  cublas.gated = 1;
  good &= expect(ak_cublasGemmEpilogue(context, NULL, 0, 0, 4, 4, 4, &one, &a, 2, 4, &b, 2, 4, &zero, &d, 2, 4, 68, -1, &cublas),
                 ak_status_invalid_argument, "A: leading dimension 4 is less than its 8");
  call.b.rows = 7;
  good &= expect(ak_prepare_many(context, &call, 1, NULL, NULL, NULL), ak_status_invalid_argument, "calls[0]: b: its 7 rows");
  ak_context_destroy(context);
  return good ? 0 : 1;
}
