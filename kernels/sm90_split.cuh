// sm90: the sums of split_k through distributed shared memory.
#pragma once

namespace ak::sm90 {

// split_k: the CTAs of a cluster hold partial sums of one tile. Each leaves its own in shared memory, and each adds up and
// finishes every kSplit-th quad, always in rank order: the result does not depend on timing.
__device__ __forceinline__ void leave_partial(u32 scratch, const Accumulators& acc) {
#pragma unroll
  for (int block = 0; block < kLeftBlocks; ++block)
#pragma unroll
    for (int j = 0; j < kWidth / 8; ++j) {
      const float* v = &acc[block][4 * j];
      asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(
                       scratch + ((block * (kWidth / 8) + j) * kConsumerThreads + threadIdx.x) * 16),
                   "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3])
                   : "memory");
    }
}
__device__ __forceinline__ void store_sum(const KernelArgs& args, const Work& work, u32 scratch, u32 rank, int row,
                                          int column) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  constexpr int quads = kBlocks * (kColumns / 8);
  constexpr int most = (quads + kSplit - 1) / kSplit, room = kSplit * kGates < 8 ? 8 / (kSplit * kGates) : 1;
  constexpr int batch = most < room ? most : room;  // quads whose loads are in flight together
#pragma unroll 1
  for (int first = rank; first < quads; first += batch * kSplit) {
    float parts[batch][kGates][kSplit][4];
    RowTerms row_terms[batch];
    ColumnTerms column_terms[batch];
    int rows[batch], columns[batch];
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      const int quad = min(first + i * kSplit, quads - 1), block = quad / (kColumns / 8), j = quad % (kColumns / 8);
      rows[i] = row + 64 * block + 16 * warp + lane / 4;
      columns[i] = column + 8 * j + lane % 4 * 2;
      row_terms[i].load(args, work, rows[i]);
      column_terms[i].load(args, work, columns[i]);
#pragma unroll
      for (int g = 0; g < kGates; ++g) {
        const int at = block_of(g, block) * (kWidth / 8) + slice_of(g, j);
#pragma unroll
        for (int s = 0; s < kSplit; ++s) load_from_cta(parts[i][g][s], scratch + (at * kConsumerThreads + threadIdx.x) * 16, s);
      }
    }
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      if (first + i * kSplit >= quads) break;
      float x[kGates][4] = {}, y[4];
#pragma unroll
      for (int g = 0; g < kGates; ++g)
#pragma unroll
        for (int s = 0; s < kSplit; ++s)
#pragma unroll
          for (int e = 0; e < 4; ++e) x[g][e] += parts[i][g][s][e];
      finish_quad(args, work, rows[i], columns[i], row_terms[i], column_terms[i], x, y);
      store_quads(args, work, rows[i], columns[i], x, y);
    }
  }
}

// split_k loads biases only when the sums are ready: bring them near while the mainloop runs.
__device__ __forceinline__ void prefetch_bias(const KernelArgs& args, const Work& work, int row, int column) {
  const int at = threadIdx.x % 128 * 2;
  const int index = kColumnBiases ? column + at : row + at, extent = kColumnBiases ? work.columns : work.rows;
  if (AK_BIAS && index < extent)
#pragma unroll
    for (int g = 0; g < (AK_BIAS == 1 ? kGates : 1); ++g)
      asm volatile(
          "prefetch.global.L2 [%0];" ::"l"(static_cast<const Bias*>(args.bias) + index + static_cast<i64>(g) * extent));
}

}  // namespace ak::sm90
