// cublasGemmEx's arguments -> a canonical call.
#pragma once

#include "ak/cublas.h"
#include "api/arguments.hpp"

namespace ak {

/// As ak/cublas.h has them, in its order and with its enum values; alpha and beta are read.
struct CublasArguments {
  int transa, transb, m, n, k;
  float alpha;
  const void* A;
  int Atype, lda;
  const void* B;
  int Btype, ldb;
  float beta;
  void* C;
  int Ctype, ldc, computeType;
  ak_cublas_epilogue epilogue;
};

/// Throws Error{invalid_argument | unsupported} that names the argument as cuBLAS does.
CanonicalCall canonicalize_cublas(const CublasArguments& arguments);

}  // namespace ak
