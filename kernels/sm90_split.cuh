// sm90: the sums of split_k through distributed shared memory.
#pragma once

namespace ak::sm90 {

// split_k: the CTAs of a cluster hold partial sums of one tile. Each leaves its own in shared memory, and each adds up and
// finishes every kSplit-th quad, always in rank order: the result does not depend on timing.
__device__ __forceinline__ void leave_partial(u32 scratch, const float (&acc)[kBlocks][kColumns / 2]) {
#pragma unroll
  for (int block = 0; block < kBlocks; ++block)
#pragma unroll
    for (int j = 0; j < kColumns / 8; ++j) {
      const float* v = &acc[block][4 * j];
      asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(
                       scratch + ((block * (kColumns / 8) + j) * kConsumerThreads + threadIdx.x) * 16),
                   "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3])
                   : "memory");
    }
}
__device__ __forceinline__ void store_sum(const KernelArgs& args, const Work& work, u32 scratch, u32 rank, int row,
                                          int column) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  constexpr int quads = kBlocks * (kColumns / 8);
  constexpr int most = (quads + kSplit - 1) / kSplit, room = kSplit < 8 ? 8 / kSplit : 1;
  constexpr int batch = most < room ? most : room;  // quads whose loads are in flight together
#pragma unroll 1
  for (int first = rank; first < quads; first += batch * kSplit) {
    float parts[batch][kSplit][4], column_bias[batch][2];
    RowBias row_bias[batch];
    int rows[batch], columns[batch];
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      const int quad = min(first + i * kSplit, quads - 1), block = quad / (kColumns / 8), j = quad % (kColumns / 8);
      rows[i] = row + 64 * block + 16 * warp + lane / 4;
      columns[i] = column + 8 * j + lane % 4 * 2;
      row_bias[i].load(args, work, rows[i]);
#pragma unroll
      for (int e = 0; e < 2; ++e)
        column_bias[i][e] = kBiasOnColumns && columns[i] + e < work.columns ? bias_at(args, 0, columns[i] + e) : 0.0f;
#pragma unroll
      for (int s = 0; s < kSplit; ++s) load_from_cta(parts[i][s], scratch + (quad * kConsumerThreads + threadIdx.x) * 16, s);
    }
#pragma unroll
    for (int i = 0; i < batch; ++i) {
      if (first + i * kSplit >= quads) break;
      float v[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
      for (int s = 0; s < kSplit; ++s)
#pragma unroll
        for (int e = 0; e < 4; ++e) v[e] += parts[i][s][e];
      finish_quad(args, work, rows[i], columns[i], row_bias[i], column_bias[i], v);
      store_quad(args, work, rows[i], columns[i], v);
    }
  }
}

// split_k loads biases only when the sums are ready: bring them near while the mainloop runs.
__device__ __forceinline__ void prefetch_bias(const KernelArgs& args, const Work& work, int row, int column) {
  const int at = threadIdx.x % 128 * 2;
  const int index = kBiasOnRows ? row + at : column + at;
  if (AK_BIAS && index < (kBiasOnRows ? work.rows : work.columns))
    asm volatile("prefetch.global.L2 [%0];" ::"l"(static_cast<const Bias*>(args.bias) + index));
}

}  // namespace ak::sm90
