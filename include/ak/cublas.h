/* cuBLAS-shaped calls: cublasGemmEx's argument order, column-major rules and enum values, plus activation and bias, or gate,
 * aux and scales too.
 *
 *   cublasGemmEx           (handle,          transa, transb, m, n, k, alpha, A, Atype, lda, ..., computeType, algo)
 *   ak_cublasGemmEx        (context, stream, transa, transb, m, n, k, alpha, A, Atype, lda, ..., computeType, algo,
 *                           activation, slope, bias, biasType)
 *   ak_cublasGemmEpilogue  (context, stream, transa, transb, m, n, k, alpha, A, Atype, lda, ..., computeType, algo, epilogue)
 *
 * The cuBLAS headers are not needed: operations, types and compute types are ints with the values of cublasOperation_t,
 * cudaDataType and cublasComputeType_t, which convert by themselves. The stream of a handle comes from cublasGetStream. */
#ifndef AK_CUBLAS_H
#define AK_CUBLAS_H

#include "ak/ak.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The values taken from cuBLAS, for callers without its headers. */
enum {
  ak_cublas_op_n = 0,
  ak_cublas_op_t = 1,
  ak_cublas_op_c = 2, /* as t: the types are real */
  ak_cublas_r_32f = 0,
  ak_cublas_r_16f = 2,
  ak_cublas_r_16bf = 14,
  ak_cublas_compute_32f = 68,
  ak_cublas_compute_32f_pedantic = 69,
  ak_cublas_compute_32f_fast_16f = 74,
  ak_cublas_compute_32f_fast_16bf = 75,
  ak_cublas_compute_32f_fast_tf32 = 77
};

/* C = act(alpha * op(A).op(B) + bias + beta * C), column-major, in place as cublasGemmEx has it.
 * alpha and beta: pointers to a float on the host, or in device memory as CUBLAS_POINTER_MODE_DEVICE has it. No handle says
 * which, so the driver is asked about both, 0.1 us each; a value in device memory is read behind what is on the stream and
 * awaited, 7 us more on an idle stream, which gives ak_status_unsupported while the stream is captured.
 * A, B: 16f or 16bf, alike; C: 16f, 16bf or 32f.
 * computeType: one that accumulates in f32 (all of them are computed alike); any other gives ak_status_unsupported.
 * algo: ignored, the search decides. bias: m elements, one per row of C as with CUBLASLT_EPILOGUE_BIAS, or null. */
AK_API ak_status ak_cublasGemmEx(ak_context* context, ak_stream stream, int transa, int transb, int m, int n, int k,
                                 const void* alpha, const void* A, int Atype, int lda, const void* B, int Btype, int ldb,
                                 const void* beta, void* C, int Ctype, int ldc, int computeType, int algo,
                                 ak_activation activation, float slope, const void* bias, int biasType);

/* Everything is column-major, as C is; null: not there.
 * bias: as above. gated: C is activation(gate) * up, of two products: op(A) is 2m x k, the gate's m rows before the up's, C
 * stays m x n, bias and row_scale have 2m elements, and beta is 0. aux: what the activation is given, of Ctype, m x n (gated:
 * 2m x n, the gate's rows first) with its own leading dimension ldaux, as CUBLASLT_EPILOGUE_GELU_AUX has it, with every
 * activation. row_scale: m floats, one per row of C; column_scale: n floats: op(A).op(B) is multiplied by them, before bias. */
typedef struct ak_cublas_epilogue {
  size_t size;
  ak_activation activation;
  float slope;
  const void* bias;
  int biasType;
  int gated;
  void* aux;
  int ldaux;
  const float *row_scale, *column_scale;
} ak_cublas_epilogue;

#define AK_CUBLAS_EPILOGUE_INIT \
  { sizeof(ak_cublas_epilogue), ak_activation_identity, 0.01f, NULL, ak_cublas_r_16bf, 0, NULL, 0, NULL, NULL }

/* ak_cublasGemmEx with all of an epilogue; null: none. */
AK_API ak_status ak_cublasGemmEpilogue(ak_context* context, ak_stream stream, int transa, int transb, int m, int n, int k,
                                       const void* alpha, const void* A, int Atype, int lda, const void* B, int Btype, int ldb,
                                       const void* beta, void* C, int Ctype, int ldc, int computeType, int algo,
                                       const ak_cublas_epilogue* epilogue);

#ifdef __cplusplus
}
#endif
#endif
