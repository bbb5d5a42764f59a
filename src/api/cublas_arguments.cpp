#include "api/cublas_arguments.hpp"

#include <fmt/format.h>

namespace ak {
namespace {

DType dtype_of_cuda(int value, const char* name) {
  switch (value) {
    case ak_cublas_r_16f:
      return DType::f16;
    case ak_cublas_r_16bf:
      return DType::bf16;
    case ak_cublas_r_32f:
      return DType::f32;
  }
  throw Error(ErrorCode::unsupported, fmt::format("{}: cudaDataType {} is not served", name, static_cast<int>(value)));
}

// A column-major operand of op(X) = rows x cols.
ConstMatrix operand(const void* data, int op, std::int64_t rows, std::int64_t cols, int ld, DType dtype, const char* name) {
  if (op == ak_cublas_op_n) return {data, rows, cols, ld, dtype, Order::col};
  if (op == ak_cublas_op_t || op == ak_cublas_op_c) return {data, rows, cols, ld, dtype, Order::row};
  throw Error(ErrorCode::invalid_argument, fmt::format("{}: {} is not a cublasOperation_t", name, static_cast<int>(op)));
}

void check_compute_type(int type) {
  switch (type) {
    case ak_cublas_compute_32f:
    case ak_cublas_compute_32f_pedantic:
    case ak_cublas_compute_32f_fast_16f:
    case ak_cublas_compute_32f_fast_16bf:
    case ak_cublas_compute_32f_fast_tf32:
      return;
  }
  throw Error(ErrorCode::unsupported,
              fmt::format("computeType: {} does not accumulate in f32; CUBLAS_COMPUTE_32F (68) does", static_cast<int>(type)));
}

}  // namespace

CanonicalCall canonicalize_cublas(const CublasArguments& x) {
  check_compute_type(x.computeType);
  const ak_cublas_epilogue& e = x.epilogue;
  const std::int64_t wide = e.gated ? 2 * std::int64_t{x.m} : x.m;
  const ConstMatrix a = operand(x.A, x.transa, wide, x.k, x.lda, dtype_of_cuda(x.Atype, "Atype"), "transa");
  const ConstMatrix b = operand(x.B, x.transb, x.k, x.n, x.ldb, dtype_of_cuda(x.Btype, "Btype"), "transb");
  const Matrix c{x.C, x.m, x.n, x.ldc, dtype_of_cuda(x.Ctype, "Ctype"), Order::col};
  Epilogue epilogue;
  epilogue.activation = activation_of(static_cast<int>(e.activation), "activation");
  epilogue.alpha = x.alpha;
  epilogue.beta = x.beta;
  epilogue.slope = e.slope;
  epilogue.bias = e.bias;
  if (e.bias) epilogue.bias_dtype = dtype_of_cuda(e.biasType, "biasType");
  // Transposed as a whole, so that the bias runs along what cuBLAS calls rows: C^T = op(B)^T op(A)^T.
  epilogue.c = c.transposed();
  epilogue.gated = e.gated != 0;
  if (e.aux) epilogue.aux = {e.aux, x.n, wide, e.ldaux, c.dtype, Order::row};
  epilogue.row_scale = e.column_scale, epilogue.column_scale = e.row_scale;
  return canonicalize(b.transposed(), a.transposed(), c.transposed(), epilogue, Pointers::required,
                      {"B", "A", "C", "C", "bias", "activation", "A", "aux", "column_scale", "row_scale"});
}

}  // namespace ak
