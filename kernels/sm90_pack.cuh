// sm90: TMA reads 16-byte-aligned addresses only. Operands whose rows begin elsewhere are copied into aligned rows of the
// workspace by the same launch, before the product.
#pragma once

namespace ak::sm90 {

constexpr bool kPackA = AK_ALIGN_A < 16 && !kCopies, kPackB = AK_ALIGN_B < 16 && !kCopies;

// The workspace after its counters: B's copy, whose place does not depend on the number of tokens, the up matrix's of a gated
// product, A's.
__device__ __forceinline__ Pack pack_of_b(const KernelArgs& args) {
  return {static_cast<const char*>(args.b), static_cast<char*>(args.workspace) + kCounterBytes, args.ldb * 2,
          AK_B_MAJOR_K ? args.n : args.k, AK_B_MAJOR_K ? args.k : args.n};
}
__device__ __forceinline__ Pack pack_of_up(const KernelArgs& args) {
  Pack up = pack_of_b(args);
  up.from = static_cast<const char*>(args.b2), up.to += up.bytes();
  return up;
}
__device__ __forceinline__ Pack pack_of_a(const KernelArgs& args) {
  const Pack b = pack_of_b(args);
  return {static_cast<const char*>(args.a), b.to + (kPackB ? (1 + AK_GATED) * b.bytes() : 0), args.lda * 2,
          AK_A_MAJOR_K ? args.m : args.k, AK_A_MAJOR_K ? args.k : args.m};
}

struct PackCounters {
  u32 taken, copied;  // batches
  u32 passed;         // CTAs that wait for nothing any more
};

// One thread's: a batch that nobody has taken, or `batches` when all have been copied.
__device__ __forceinline__ u32 next_batch(PackCounters* counters, u32 batches) {
  const long long start = clock64();
  for (;;) {
    u32 taken, copied;
    asm volatile("ld.acquire.gpu.global.v2.u32 {%0, %1}, [%2];" : "=r"(taken), "=r"(copied) : "l"(counters) : "memory");
    if (copied >= batches) return batches;
    if (taken < batches)
      if (const u32 batch = atomicAdd(&counters->taken, 1u); batch < batches) return batch;
    if (clock64() - start > 8000000000ll) __trap();
  }
}

// Every thread of every CTA calls it. There are as many batches as CTAs, but who runs takes what is left: nobody waits for a
// CTA that has not begun. shared_batch: a word of shared memory that is free until all threads have met again.
__device__ __forceinline__ void pack_operands(const KernelArgs& args, volatile u32* shared_batch) {
  auto* counters = static_cast<PackCounters*>(args.workspace);
  const Pack a = pack_of_a(args), b = pack_of_b(args), up = pack_of_up(args);
  const i64 units_a = kPackA ? a.units() : 0, units_b = kPackB ? b.units() : 0, units = units_a + (1 + AK_GATED) * units_b;
  const u32 batches = gridDim.x;
  const bool speaker = threadIdx.x == kThreads - 1;
  if (speaker) *shared_batch = atomicAdd(&counters->taken, 1u);
  __syncthreads();
  for (u32 batch = *shared_batch;;) {
    if (batch < batches) {
pack_units(batch * (kThreads / 32) + threadIdx.x / 32, units, batches * (kThreads / 32), [&](PackUnit& into, i64 unit) {
        const bool of_a = unit < units_a, of_up = AK_GATED && unit >= units_a + units_b;
        const Pack p{of_a    ? a.from
                     : of_up ? up.from
                             : b.from,
                     of_a    ? a.to
                     : of_up ? up.to
                             : b.to,
                     of_a ? a.pitch : b.pitch, of_a ? a.rows : b.rows, of_a ? a.inner : b.inner};
        into.load(p, unit - (of_a ? 0 : units_a) - (of_up ? units_b : 0));
      });
      async_proxy_fence_all();
    }
    __syncthreads();
    if (speaker) {
      __threadfence();  // for all threads, which have met
      if (batch < batches) atomicAdd(&counters->copied, 1u);
      *shared_batch = next_batch(counters, batches);
    }
    __syncthreads();
    batch = *shared_batch;
    if (batch == batches) break;
  }
  async_proxy_fence_all();
  // The last to pass leaves the counters as it found them.
  if (speaker && atomicAdd(&counters->passed, 1u) == gridDim.x - 1) *counters = {};
}

}  // namespace ak::sm90
