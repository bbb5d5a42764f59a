// Chains of kernels (programmatic dependent launch, compute capability 9.0 and up): a kernel's CTAs may start, and set themselves
// up, while the kernel before it in the stream still runs. KernelPlan launches every kernel of ours so.
#pragma once

namespace ak {

// With overlap=1 the kernel after this one may start as soon as every CTA has come here and there is room; without it, when
// every CTA has ended.
__device__ __forceinline__ void let_next_kernel_start() {
#if __CUDA_ARCH__ >= 900 && AK_OVERLAP
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Until the kernels before this one have ended and their writes are visible. Every thread calls it before it reads or writes any
// memory but its own CTA's.
__device__ __forceinline__ void await_kernels_before() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace ak
