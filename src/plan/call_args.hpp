// A call's values in canonical form (core/problem.hpp): what a plan is launched with.
#pragma once

#include <cstdint>

#include "kernels/args.cuh"

namespace ak {

/// A matrix of a call: its first element, and in elements the distance between its lines, and between the matrices of a batch,
/// which the only one of a batch of 1 has no use for. The element's type is the problem's.
template <class Memory>  // const void: read; void: written
struct Operand {
  Memory* data = nullptr;
  std::int64_t ld = 0, batch_stride = 0;
};

struct CallArgs {
  Operand<const void> a, b, b2, c;  // b2: the up matrix, with B's shape, major and leading dimension, wherever it lies
  Operand<void> d, aux;
  const void* bias = nullptr;
  const float *row_scale = nullptr, *column_scale = nullptr;
  int m = 0, n = 0, k = 0;
  float alpha = 0, beta = 0, slope = 0;
  // The caller's scratch, as Workspaces has it; null: the plan's own.
  void* workspace = nullptr;
  std::int64_t workspace_bytes = 0;
};

/// What a kernel gets of it; a batch is 1. workspace: the plan's own, null where it needs none.
inline KernelArgs kernel_args(const CallArgs& x, void* workspace = nullptr) {
  KernelArgs k;
  k.a = x.a.data, k.b = x.b.data, k.c = x.c.data, k.d = x.d.data, k.b2 = x.b2.data, k.aux = x.aux.data;
  k.bias = x.bias, k.row_scale = x.row_scale, k.column_scale = x.column_scale, k.workspace = workspace;
  k.lda = x.a.ld, k.ldb = x.b.ld, k.ldc = x.c.ld, k.ldd = x.d.ld, k.ldaux = x.aux.ld;
  k.m = x.m, k.n = x.n, k.k = x.k, k.alpha = x.alpha, k.beta = x.beta, k.slope = x.slope;
  return k;
}

}  // namespace ak
