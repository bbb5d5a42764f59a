// What exists once an activation: its pass for every type, its comparison. One entry an activation: a kernel with all of them in
// one switch would take the registers of the greediest. The build expands this for include/ak/activations.def, the library at run
// time for a caller's own.
#pragma once

#include "kernels/support/compare.cuh"
#include "kernels/support/pass.cuh"

// The vocabulary that an expression is written in is its namespace's: float for the pass, double for the comparison.
#define AK_ACTIVATION(name, expression)                                                                          \
  namespace ak::math {                                                                                           \
  struct Activation_##name {                                                                                     \
    static __device__ __forceinline__ float apply(float x, [[maybe_unused]] float slope) { return expression; }  \
  };                                                                                                             \
  }                                                                                                              \
  namespace ak::probe::exact {                                                                                   \
  struct Activation_##name {                                                                                     \
    static __device__ inline double apply(double x, [[maybe_unused]] double slope) { return expression; }        \
  };                                                                                                             \
  }                                                                                                              \
  AK_PASS_KERNEL(name, f16, ak::F16)                                                                             \
  AK_PASS_KERNEL(name, bf16, ak::BF16)                                                                           \
  AK_PASS_KERNEL(name, f32, ak::F32)                                                                             \
  extern "C" __global__ void ak_compare_##name(ak::KernelArgs args, ak::Comparison what, ak::Finding* finding) { \
    ak::probe::compare<ak::probe::exact::Activation_##name>(args, what, finding);                                \
  }

#define AK_PASS_KERNEL(name, suffix, type)                                     \
  extern "C" __global__ void __launch_bounds__(ak::kPassThreads, 4)            \
      pass_##name##_##suffix(const __grid_constant__ ak::PassArgs args) {      \
    ak::pass::run<ak::math::Activation_##name, type, false>(args);             \
  }                                                                            \
  extern "C" __global__ void __launch_bounds__(ak::kPassThreads, 2)            \
      pass_full_##name##_##suffix(const __grid_constant__ ak::PassArgs args) { \
    ak::pass::run<ak::math::Activation_##name, type, true>(args);              \
  }
