// sm80: which tile and slice of k a CTA takes, and with schedule=cooperative which CTAs pack operands first.
#pragma once

namespace ak {

// What a CTA does: which tile of how many, which slice of k.
struct Work {
  int tile, tiles, slice;
};

// Counters of the workspace: the cooperative schedule's three, then one for each tile that is split.
enum Counter { kTicket = 0, kPacked = 1, kPassed = 2, kFirstSplit = 4 };

__device__ __forceinline__ Pack pack_of_a(const KernelArgs& args) {
  return {static_cast<const char*>(args.a), static_cast<char*>(args.workspace) + kCounterBytes, args.lda * 2,
          AK_A_MAJOR_K ? args.m : args.k, AK_A_MAJOR_K ? args.k : args.m};
}
__device__ __forceinline__ Pack pack_of_b(const KernelArgs& args) {
  const Pack a = pack_of_a(args);
  return {static_cast<const char*>(args.b), a.to + (kPackA ? a.rows * a.copy_pitch() : 0), args.ldb * 2,
          AK_B_MAJOR_K ? args.n : args.k, AK_B_MAJOR_K ? args.k : args.n};
}
__device__ __forceinline__ Pack pack_of_up(const KernelArgs& args) {
  Pack up = pack_of_b(args);
  up.from = static_cast<const char*>(args.b2);
  up.to += up.rows * up.copy_pitch();
  return up;
}

// Partial sums of a split k, after the copies.
__device__ __forceinline__ float4* split_sums(const KernelArgs& args) {
  const Pack b = pack_of_b(args);
  return reinterpret_cast<float4*>(b.to + (kPackB ? kGates * b.rows * b.copy_pitch() : 0));
}

// Takes this CTA's work. CTAs number themselves as they start: the first ones copy, the rest wait until all copies are made. A
// CTA waits only for CTAs that started before it, so that some CTA always makes progress however few fit on the GPU at once.
// False when the work was a copy, done here.
__device__ __forceinline__ bool take_work(const KernelArgs& args, int tiles, Work& work) {
  if constexpr (!kPack) {
    work = {static_cast<int>(blockIdx.x), tiles, static_cast<int>(blockIdx.y)};
    return true;
  }
  __shared__ unsigned ticket;
  unsigned* counters = static_cast<unsigned*>(args.workspace);
  if (threadIdx.x == 0) ticket = atomicAdd(counters + kTicket, 1u);
  __syncthreads();
  const unsigned multiplies = tiles * AK_SPLIT_K, copies = gridDim.x - multiplies;
  if (ticket < copies) {
    const Pack a = pack_of_a(args), b = pack_of_b(args);
    const i64 units_a = kPackA ? a.units() : 0, units = units_a + (kPackB ? kGates * b.units() : 0);
    pack_units(ticket * (kThreads / 32) + threadIdx.x / 32, units, copies * (kThreads / 32), [&](PackUnit& into, i64 unit) {
      const bool first = unit < units_a, up = AK_GATED && unit >= units_a + b.units();
      Pack p{first ? a.from : b.from, first ? a.to : b.to, first ? a.pitch : b.pitch, first ? a.rows : b.rows,
             first ? a.inner : b.inner};
      if (up) p.from = pack_of_up(args).from, p.to = pack_of_up(args).to;
      into.load(p, first ? unit : unit - units_a - (up ? b.units() : 0));
    });
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(counters + kPacked, 1u);
    return false;
  }
  if (threadIdx.x == 0) {
    unsigned packed = 0;
    for (int tries = 0; packed < copies; ++tries) {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(packed) : "l"(counters + kPacked) : "memory");
      if (packed < copies) __nanosleep(64);
      if (tries == 1 << 26) __trap();
    }
    // The last to pass leaves the counters as it found them.
    if (atomicAdd(counters + kPassed, 1u) == multiplies - 1) counters[kTicket] = counters[kPacked] = counters[kPassed] = 0;
  }
  __syncthreads();
  work = {static_cast<int>((ticket - copies) % tiles), tiles, static_cast<int>((ticket - copies) / tiles)};
  return true;
}

}  // namespace ak
