// What compute capability 8.0 and later share: asynchronous copies to shared memory, ldmatrix, mma.sync. No headers.
#pragma once

namespace ak {

__device__ __forceinline__ u32 shared_address(const void* pointer) {
  return static_cast<u32>(__cvta_generic_to_shared(pointer));
}

// --- cp.async: 4, 8 or 16 bytes, both ends aligned to the size --------------------------------------------------------------
template <int bytes>
__device__ __forceinline__ void copy_async(u32 to, const void* from) {
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
  else
    asm volatile("cp.async.ca.shared.global.L2::128B [%0], [%1], %2;" ::"r"(to), "l"(from), "n"(bytes) : "memory");
}

// Reads the first `valid` bytes only and fills the rest with zeros.
template <int bytes>
__device__ __forceinline__ void copy_async(u32 to, const void* from, int valid) {
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(valid) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from), "n"(bytes), "r"(valid) : "memory");
}

__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int pending>
__device__ __forceinline__ void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// --- matrix fragments
// ---------------------------------------------------------------------------------------------------------
template <bool transpose>
__device__ __forceinline__ void load_matrices(u32 (&r)[4], u32 address) {
  if constexpr (transpose)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
}

// d[16x8] += a[16x16] * b[16x8], f32 accumulation.
template <int type>
__device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  if constexpr (type == BF16)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// --- shared memory
// -----------------------------------------------------------------------------------------------------------------
__device__ __forceinline__ void store_shared(u32 to, u16 v) {
  asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"(v) : "memory");
}
__device__ __forceinline__ void store_shared(u32 to, const Words4& v) {
  asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(v.w[0]), "r"(v.w[1]), "r"(v.w[2]), "r"(v.w[3])
               : "memory");
}

// --- split-K
// -------------------------------------------------------------------------------------------------------------------- Call
// with this CTA's partial sums written. True, in every thread, for the CTA that came last; its counter is zero again.
__device__ __forceinline__ bool last_of_split(void* workspace, unsigned tile, unsigned slices) {
  __shared__ unsigned arrived;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    unsigned* counter = static_cast<unsigned*>(workspace) + tile;
    arrived = atomicAdd(counter, 1u);
    if (arrived == slices - 1) *counter = 0;
  }
  __syncthreads();
  __threadfence();
  return arrived == slices - 1;
}

}  // namespace ak
