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
  ak_const_matrix a = AK_CONST_MATRIX_INIT, b = AK_CONST_MATRIX_INIT;
  ak_matrix d = AK_MATRIX_INIT;
  ak_epilogue epilogue = AK_EPILOGUE_INIT;
  ak_cublas_epilogue cublas = AK_CUBLAS_EPILOGUE_INIT;
  ak_call call = AK_CALL_INIT;
  ak_explanation told = AK_EXPLANATION_INIT;
  ak_counters counters = AK_COUNTERS_INIT;
  const float one = 1, zero = 0;
  int good = 1;

#if AK_VERSION < AK_VERSION_NUMBER(0, 1, 0)
#error "the version is 0.1.0 or later"
#endif
  options.cache_dir = "";
  a.rows = 4, a.cols = a.ld = 8;
  b.data = &a, b.rows = 8, b.cols = b.ld = 2;
  d.data = &options, d.rows = 4, d.cols = d.ld = 2;
  call.a = &a, call.b = &b, call.d = &d;
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
  b.rows = 7;
  good &= expect(ak_prepare_many(context, &call, 1, &told, NULL, NULL), ak_status_invalid_argument, "calls[0]: b: its 7 rows");
  good &= ak_get_counters(context, &counters) == ak_status_ok && counters.searches == 0;
  counters.size = 0;
  good &= expect(ak_get_counters(context, &counters), ak_status_invalid_argument, "counters: its size 0");
  ak_context_destroy(context);
  return good ? 0 : 1;
}
