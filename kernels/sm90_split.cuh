// sm90: the sums of split_k. The CTAs of a cluster hold partial sums of one tile, each of its slice of k. CTA p finishes part p
// of the tile's columns: the others send it what they have of them into distributed shared memory, while it keeps its own in
// registers. Who has received everything has waited for nobody else, and may leave once it has stored.
#pragma once

namespace ak::sm90 {

__device__ constexpr int part_end(int part) { return (part + 1) * kPartQuads < kQuads ? (part + 1) * kPartQuads : kQuads; }
__device__ constexpr int part_quads(int part) { return part * kPartQuads < kQuads ? part_end(part) - part * kPartQuads : 0; }

// Where in a piece a thread's quad lies.
__device__ constexpr int in_piece(int gate, int block, int quad) {
  return ((gate * kBlocks + block) * kPartQuads + quad) * kConsumerThreads * 16;
}

// One thread's, before the cluster meets: what the CTA is going to receive.
__device__ __forceinline__ void expect_pieces(const Work& work, const Ring& ring) {
  const int quads = max(0, min(kPartQuads, kQuads - work.slice * kPartQuads));
  barrier_init(ring.received(), 1);
  barrier_expect(ring.received(), (kSplit - 1) * kPieceBytes / kPartQuads * quads);
}

template <int part>
__device__ __forceinline__ void send_pieces(const Work& work, const Ring& ring, const Accumulators& acc) {
  if (work.slice != part) {
    const u32 to = address_in(part, ring.pieces() + (work.slice - (work.slice > part)) * kPieceBytes + threadIdx.x * 16);
    const u32 barrier = address_in(part, ring.received());
#pragma unroll
    for (int gate = 0; gate < kGates; ++gate)
#pragma unroll
      for (int block = 0; block < kBlocks; ++block)
#pragma unroll
        for (int quad = 0; quad < part_quads(part); ++quad)
          send(to + in_piece(gate, block, quad), barrier,
               &acc[block_of(gate, block)][4 * slice_of(gate, part * kPartQuads + quad)]);
  }
  if constexpr (part + 1 < kSplit) send_pieces<part + 1>(work, ring, acc);
}

__device__ __forceinline__ void load_shared(float (&v)[4], u32 from) {
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(v[0]), "=f"(v[1]), "=f"(v[2]), "=f"(v[3])
               : "r"(from)
               : "memory");
}

// The part's sums, always in the order of the slices: the result does not depend on timing.
template <int part>
__device__ __forceinline__ void add_pieces(const Ring& ring, Accumulators& acc) {
#pragma unroll
  for (int gate = 0; gate < kGates; ++gate)
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
#pragma unroll
      for (int quad = 0; quad < part_quads(part); ++quad) {
        float* sum = &acc[block_of(gate, block)][4 * slice_of(gate, part * kPartQuads + quad)];
        float own[4];
#pragma unroll
        for (int e = 0; e < 4; ++e) own[e] = sum[e], sum[e] = 0.0f;
#pragma unroll
        for (int slice = 0; slice < kSplit; ++slice) {
          float piece[4] = {own[0], own[1], own[2], own[3]};
          if (slice != part)
            load_shared(
                piece, ring.pieces() + (slice - (slice > part)) * kPieceBytes + in_piece(gate, block, quad) + threadIdx.x * 16);
#pragma unroll
          for (int e = 0; e < 4; ++e) sum[e] += piece[e];
        }
      }
}

template <int part>
__device__ __forceinline__ void store_part(const Work& work, const Ring& ring, const Result& result, Accumulators& acc,
                                           const Maps& maps, u32 staging) {
  if (work.slice == part) {
    if constexpr (part_quads(part) > 0) {
      barrier_wait(ring.received(), 0);
      add_pieces<part>(ring, acc);
      store_result<part * kPartQuads, part_end(part)>(result, maps, staging);
    }
  } else if constexpr (part + 1 < kSplit) {
    store_part<part + 1>(work, ring, result, acc, maps, staging);
  }
}

}  // namespace ak::sm90
