// GEMM with at most 8 rows of A: B streams once from memory through plain loads and FMAs, no tensor core and no ring. Any
// layout and alignment.
//
// B contiguous along k: a warp owns tile_n / warps_n rows of B, warps_m warps share a row's k; a lane reads 16-byte runs,
// `unroll` of each row before the first is used. B contiguous along n: a lane owns 8 columns and the CTA's lanes and warps
// share k. Both end with the warps' partial sums in shared memory, added in a fixed order. Gated, every output has a second row
// (or column) in the up matrix, read beside B's.

namespace ak {

constexpr int kWarps = AK_WARPS_M * AK_WARPS_N, kThreads = 32 * kWarps;
constexpr int kOutputs = AK_TILE_M * AK_TILE_N;  // of a CTA
constexpr int kSums = kGates * kOutputs;         // gated: the gate's, then the up projection's

// One 16-byte run of eight elements on its way: the aligned words around it, not yet shifted.
struct Run {
  Words4 first, second;
};

template <int align>
__device__ __forceinline__ u32 misalignment(const char* at) {
  return align == 16 ? 0 : reinterpret_cast<u64>(at) & 15;
}

// A whole run; `stream` says it is read once. Unless `align` is 16 or 8, up to 16 bytes past it are read.
template <int align, bool stream>
__device__ __forceinline__ Run fetch(const char* at) {
  Run r = {};
  Words4& w = r.first;
  if constexpr (align == 16 && stream) {
    asm("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3}, [%4];"
        : "=r"(w.w[0]), "=r"(w.w[1]), "=r"(w.w[2]), "=r"(w.w[3])
        : "l"(at));
  } else if constexpr (align == 16) {
    w = read_words(at);
  } else if constexpr (align == 8) {
    asm("ld.global.nc.v2.u32 {%0,%1}, [%2];" : "=r"(w.w[0]), "=r"(w.w[1]) : "l"(at));
    asm("ld.global.nc.v2.u32 {%0,%1}, [%2];" : "=r"(w.w[2]), "=r"(w.w[3]) : "l"(at + 8));
  } else {
    const char* aligned = at - misalignment<align>(at);
    r.first = read_words(aligned);
    r.second = read_words(aligned + 16);
  }
  return r;
}
template <int align>
__device__ __forceinline__ Words4 settle(const Run& r, const char* at) {
  return align >= 8 ? r.first : shift_words(r.first, r.second, misalignment<align>(at));
}

// The first `elements` (0..8) of a run, zeros after them; nothing at or past `end` is read.
template <int align>
__device__ __forceinline__ Run fetch_part(const char* at, int elements, const char* end) {
  Run r = {};
  const u32 offset = misalignment<align>(at);
  if (elements > 0) r.first = read_words(at - offset, end);
  if (elements > 0 && elements * 2 + offset > 16) r.second = read_words(at - offset + 16, end);
  return r;
}
template <int align>
__device__ __forceinline__ Words4 settle_part(const Run& r, const char* at, int elements) {
  Words4 v = shift_words(r.first, r.second, misalignment<align>(at));
  keep_elements(v, elements);
  return v;
}

__device__ __forceinline__ void widen(const Words4& v, float (&f)[8]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (AK_IN == BF16) {
      f[2 * i] = __uint_as_float(v.w[i] << 16);
      f[2 * i + 1] = __uint_as_float(v.w[i] & 0xffff0000u);
    } else {
      f[2 * i] = to_float<F16>(static_cast<u16>(v.w[i]));
      f[2 * i + 1] = to_float<F16>(static_cast<u16>(v.w[i] >> 16));
    }
  }
}

// One element of A; rows past m repeat the last, their sums are never stored.
__device__ __forceinline__ float a_element(const KernelArgs& args, int m, int k) {
  m = m < args.m ? m : args.m - 1;
  const i64 at = AK_A_MAJOR_K ? m * args.lda + k : k * args.lda + m;
  return to_float<AK_IN>(static_cast<const In*>(args.a)[at]);
}

// A[m, k0..k0+8); zeros from `elements` on when `part`.
template <bool part>
__device__ __forceinline__ void a_run(const KernelArgs& args, int m, int k0, int elements, float (&x)[8]) {
#if AK_A_MAJOR_K
  m = m < args.m ? m : args.m - 1;
  const char* data = static_cast<const char*>(args.a);
  const char* at = data + m * args.lda * 2 + static_cast<i64>(k0) * 2;
  if constexpr (part) {
    const char* end = data + (args.m - 1) * args.lda * 2 + static_cast<i64>(args.k) * 2;
    widen(settle_part<AK_ALIGN_A>(fetch_part<AK_ALIGN_A>(at, elements, end), at, elements), x);
  } else {
    widen(settle<AK_ALIGN_A>(fetch<AK_ALIGN_A, false>(at), at), x);
  }
#else
#pragma unroll
  for (int e = 0; e < 8; ++e) x[e] = !part || e < elements ? a_element(args, m, k0 + e) : 0;
#endif
}

// B or the up matrix.
__device__ __forceinline__ const char* weights(const KernelArgs& args, int gate) {
  return static_cast<const char*>(gate == 0 ? args.b : args.b2);
}

#if AK_B_MAJOR_K

constexpr int kColumns = AK_TILE_N / AK_WARPS_N;  // of D, a warp
constexpr int kRows = kGates * kColumns;          // of B, then of the up matrix, a warp
constexpr int kGroup = 32 * AK_WARPS_M;           // threads that share a row

using Sums = float[kRows][AK_TILE_M][2];

// `unroll` runs of each row, `kGroup` runs apart, starting at run `first`.
template <bool part>
__device__ __forceinline__ void accumulate(const KernelArgs& args, const char* const (&rows)[kRows], int first, int run_end,
                                           Sums& sums) {
  Run w[kRows][AK_UNROLL];
  const auto end = [&](int r) {
    return weights(args, r / kColumns) + (args.n - 1) * args.ldb * 2 + static_cast<i64>(args.k) * 2;
  };
  const auto elements = [&](int u) {
    const int run = first + u * kGroup, left = run < run_end ? args.k - run * 8 : 0;
    return left < 8 ? left : 8;
  };
  const auto at = [&](int r, int u) { return rows[r] + static_cast<i64>(first + u * kGroup) * 16; };
#pragma unroll
  for (int u = 0; u < AK_UNROLL; ++u)
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      w[r][u] = part ? fetch_part<AK_ALIGN_B>(at(r, u), elements(u), end(r)) : fetch<AK_ALIGN_B, true>(at(r, u));
#pragma unroll
  for (int u = 0; u < AK_UNROLL; ++u) {
    if (part && elements(u) <= 0) break;
    float wide[kRows][8];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      widen(part ? settle_part<AK_ALIGN_B>(w[r][u], at(r, u), elements(u)) : settle<AK_ALIGN_B>(w[r][u], at(r, u)), wide[r]);
    }
#pragma unroll
    for (int m = 0; m < AK_TILE_M; ++m) {
      float x[8];
      a_run<part>(args, m, (first + u * kGroup) * 8, elements(u), x);
#pragma unroll
      for (int r = 0; r < kRows; ++r)
#pragma unroll
        for (int e = 0; e < 8; ++e) sums[r][m][e % 2] += wide[r][e] * x[e];
    }
  }
}

__device__ __forceinline__ void partial_sums(const KernelArgs& args, int column0, float* partial) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int share = warp / AK_WARPS_N, first = warp % AK_WARPS_N * kColumns;
  const char* rows[kRows];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int row = column0 + first + r % kColumns;
    rows[r] = weights(args, r / kColumns) + (row < args.n ? row : args.n - 1) * args.ldb * 2;
  }
  int begin = 0, end = (args.k + 7) / 8;
  // Runs that exist whole, with room for the aligned words around them.
  int whole = AK_ALIGN_B >= 8 && (AK_ALIGN_A >= 8 || !AK_A_MAJOR_K) ? args.k / 8 : (args.k - 8) / 8;
  if (AK_SPLIT_K > 1) {
    const int each = (end + AK_SPLIT_K - 1) / AK_SPLIT_K;
    begin = blockIdx.y * each;
    end = end < begin + each ? end : begin + each;
  }
  whole = whole < end ? whole : end;

  Sums sums = {};
  constexpr int block = kGroup * AK_UNROLL;
  int run = begin;
#pragma unroll 1
  for (; run + block <= whole; run += block) accumulate<false>(args, rows, run + share * 32 + lane, end, sums);
#pragma unroll 1
  for (; run < end; run += block) accumulate<true>(args, rows, run + share * 32 + lane, end, sums);

#pragma unroll
  for (int r = 0; r < kRows; ++r)
#pragma unroll
    for (int m = 0; m < AK_TILE_M; ++m) {
      float sum = sums[r][m][0] + sums[r][m][1];
#pragma unroll
      for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
      if (lane == 0) partial[share * kSums + r / kColumns * kOutputs + m * AK_TILE_N + first + r % kColumns] = sum;
    }
}

#else

constexpr int kLanes = AK_TILE_N / 8;  // side by side along n
constexpr int kShares = kThreads / kLanes;

using Sums = float[kGates][AK_TILE_M][8];

// `column` is the byte offset of the lane's first column in a row.
template <bool part>
__device__ __forceinline__ void accumulate(const KernelArgs& args, i64 column, int k0, int k_end, int elements, Sums& sums) {
  Run w[kGates][AK_UNROLL];
  const auto end = [&](int g) { return weights(args, g) + (args.k - 1) * args.ldb * 2 + static_cast<i64>(args.n) * 2; };
  const auto at = [&](int g, int u) { return weights(args, g) + column + (k0 + u * kShares) * args.ldb * 2; };
  const auto left = [&](int u) { return k0 + u * kShares < k_end ? elements : 0; };
#pragma unroll
  for (int u = 0; u < AK_UNROLL; ++u)
#pragma unroll
    for (int g = 0; g < kGates; ++g)
      w[g][u] = part ? fetch_part<AK_ALIGN_B>(at(g, u), left(u), end(g)) : fetch<AK_ALIGN_B, true>(at(g, u));
#pragma unroll
  for (int u = 0; u < AK_UNROLL; ++u) {
    if (part && left(u) <= 0) continue;
#pragma unroll
    for (int g = 0; g < kGates; ++g) {
      float wide[8];
      widen(part ? settle_part<AK_ALIGN_B>(w[g][u], at(g, u), left(u)) : settle<AK_ALIGN_B>(w[g][u], at(g, u)), wide);
#pragma unroll
      for (int m = 0; m < AK_TILE_M; ++m) {
        const float x = a_element(args, m, k0 + u * kShares);
#pragma unroll
        for (int e = 0; e < 8; ++e) sums[g][m][e] += wide[e] * x;
      }
    }
  }
}

__device__ __forceinline__ void partial_sums(const KernelArgs& args, int column0, float* partial) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int column = column0 + threadIdx.x % kLanes * 8, share = threadIdx.x / kLanes;
  const int elements = args.n - column < 8 ? args.n - column : 8;
  const i64 data = static_cast<i64>(column) * 2;
  // Whether every lane's runs are whole, with room for the aligned words around them.
  const bool whole = column0 + AK_TILE_N + (AK_ALIGN_B >= 8 ? 0 : 8) <= args.n;
  int begin = 0, end = args.k;
  if (AK_SPLIT_K > 1) {
    const int each = (end + AK_SPLIT_K - 1) / AK_SPLIT_K;
    begin = blockIdx.y * each;
    end = end < begin + each ? end : begin + each;
  }

  Sums sums = {};
  constexpr int block = kShares * AK_UNROLL;
  int k = begin;
#pragma unroll 1
  for (; whole && k + block <= end; k += block) accumulate<false>(args, data, k + share, end, 8, sums);
#pragma unroll 1
  for (; k < end; k += block) accumulate<true>(args, data, k + share, end, elements, sums);

#pragma unroll
  for (int g = 0; g < kGates; ++g)
#pragma unroll
    for (int m = 0; m < AK_TILE_M; ++m)
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        float sum = sums[g][m][e];
#pragma unroll
        for (int distance = 16; distance >= kLanes; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
        if (lane < kLanes) partial[warp * kSums + g * kOutputs + m * AK_TILE_N + lane * 8 + e] = sum;
      }
}

#endif

}  // namespace ak

extern "C" __global__ void __launch_bounds__(ak::kThreads) ak_kernel(const __grid_constant__ ak::KernelArgs args) {
  using namespace ak;
  extern __shared__ __align__(16) float partial[];  // [warps_m][gates][tile_m][tile_n]
  const int column0 = blockIdx.x * AK_TILE_N;
  let_next_kernel_start();
  await_kernels_before();
  partial_sums(args, column0, partial);
  __syncthreads();

#if AK_SPLIT_K > 1
  float* slices = reinterpret_cast<float*>(static_cast<char*>(args.workspace) + kCounterBytes);
  const auto slice_sum = [&](int slice, int index) {
    return slices + (static_cast<i64>(slice) * gridDim.x + blockIdx.x) * kSums + index;
  };
  for (int index = threadIdx.x; index < kSums; index += kThreads) {
    float sum = 0;
    for (int share = 0; share < AK_WARPS_M; ++share) sum += partial[share * kSums + index];
    __stcg(slice_sum(blockIdx.y, index), sum);
  }
  if (!last_of_split(args.workspace, blockIdx.x, AK_SPLIT_K)) return;
#endif

  for (int output = threadIdx.x; output < kOutputs; output += kThreads) {
    const int row = output / AK_TILE_N, column = column0 + output % AK_TILE_N;
    if (row >= args.m || column >= args.n) continue;
    float sums[kGates] = {};
#pragma unroll
    for (int g = 0; g < kGates; ++g) {
      const int index = g * kOutputs + output;
#if AK_SPLIT_K > 1
      for (int slice = 0; slice < AK_SPLIT_K; ++slice) sums[g] += __ldcg(slice_sum(slice, index));
#else
      for (int share = 0; share < AK_WARPS_M; ++share) sums[g] += partial[share * kSums + index];
#endif
    }
    store_one(args, row, column, sums);
  }
}
