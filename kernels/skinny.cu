// GEMM with at most 8 rows of A: B streams once from memory through plain loads and FMAs, no tensor core and no ring. Any
// layout and alignment.
//
// B contiguous along k: a warp owns tile_n / warps_n rows of B, warps_m warps share a row's k; a lane reads aligned 16-byte
// words, `unroll` of each row before the first is used. Rows that are kStride apart start at the same byte of such a word, and
// a CTA owns rows kStride apart: it is A that is shifted, once for all of them. The elements before a row's first word and
// after its last are multiplied one by one. B contiguous along n: a lane owns 8 columns and the CTA's lanes and warps share k.
// Both wait for the kernels before this one, and end with the warps' partial sums in shared memory, added in a fixed order.
// Gated, every output has a second row (or column) in the up matrix, read beside B's.

namespace ak {

constexpr int kWarps = AK_WARPS_M * AK_WARPS_N, kThreads = 32 * kWarps;
constexpr int kOutputs = AK_TILE_M * AK_TILE_N;              // of a CTA
constexpr int kSums = kGates * kOutputs;                     // gated: the gate's, then the up projection's
constexpr int kStride = AK_B_MAJOR_K ? 16 / AK_ALIGN_B : 1;  // from one column of a CTA to its next

// CTAs in groups of kStride, whose columns interlock.
__device__ __forceinline__ int first_column() { return blockIdx.x / kStride * kStride * AK_TILE_N + blockIdx.x % kStride; }

// One 16-byte run of eight elements on its way: the aligned words around it, not yet shifted.
struct Run {
  Words4 first, second;
};

// What is read once.
__device__ __forceinline__ Words4 read_weights(const char* aligned) {
  Words4 v;
  asm("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];"
      : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3])
      : "l"(aligned));
  return v;
}

// Zeros, without a branch, unless `wanted`.
__device__ __forceinline__ Words4 read_weights_if(bool wanted, const char* aligned) {
  Words4 v = {};
  asm("{\n.reg .pred p;\n"
      "setp.ne.u32 p, %5, 0;\n"
      "@p ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];\n}"
      : "+r"(v.w[0]), "+r"(v.w[1]), "+r"(v.w[2]), "+r"(v.w[3])
      : "l"(aligned), "r"(static_cast<u32>(wanted)));
  return v;
}

// Volatile: it stays where it is, ahead of its use.
__device__ __forceinline__ u32 read_element_if(bool wanted, const void* at) {
  u32 v = 0;
  asm volatile(
      "{\n.reg .pred p;\n"
      "setp.ne.u32 p, %2, 0;\n"
      "@p ld.global.nc.u16 %0, [%1];\n}"
      : "+r"(v)
      : "l"(at), "r"(static_cast<u32>(wanted)));
  return v;
}

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
    w = read_weights(at);
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
__device__ __forceinline__ const In* a_address(const KernelArgs& args, int m, int k) {
  m = m < args.m ? m : args.m - 1;
  return static_cast<const In*>(args.a) + (AK_A_MAJOR_K ? m * args.lda + k : k * args.lda + m);
}
__device__ __forceinline__ float a_element(const KernelArgs& args, int m, int k) {
  return to_float<AK_IN>(*a_address(args, m, k));
}

// B or the up matrix.
__device__ __forceinline__ const char* weights(const KernelArgs& args, int gate) {
  return static_cast<const char*>(gate == 0 ? args.b : args.b2);
}

#if AK_B_MAJOR_K

constexpr int kColumns = AK_TILE_N / AK_WARPS_N;     // of D, a warp
constexpr int kRows = kGates * kColumns;             // of B, then of the up matrix, a warp
constexpr int kGroup = 32 * AK_WARPS_M;              // threads that share a row
constexpr int kOffsets = kStride == 1 ? 1 : kGates;  // of a warp's rows: gate and up start where they like
constexpr int kSharing = kRows / kOffsets;           // rows with one offset
constexpr int kAlignRun = kStride == 1 || AK_ALIGN_A < AK_ALIGN_B ? AK_ALIGN_A : AK_ALIGN_B;  // of A beside a word of B

using Sums = float[kRows][AK_TILE_M][2];

// CTAs of an SM that leave registers for every load ahead of the first use; without a bound the compiler trades that for more
// CTAs.
constexpr int kRegisters = (4 * AK_UNROLL + 2 * AK_TILE_M + 12) * kRows + 8 * (AK_TILE_M + kOffsets) + 24;
constexpr int kResident = AK_TILE_M > 4 || !AK_A_MAJOR_K ? 1 : 65536 / (kThreads * ((kRegisters + 7) / 8 * 8));

// A row of B as aligned words: `head` elements before the first, then `words` whole ones, of which this CTA takes begin to end.
// Where A is shifted they leave room for what its fetch reads past a run.
struct Span {
  int head, words, begin, end;
};

__device__ __forceinline__ Span span_of(const KernelArgs& args, const char* row) {
  Span s;
  s.head = kStride == 1 ? 0 : (16 - (reinterpret_cast<u64>(row) & 15)) % 16 / 2;
  s.head = s.head < args.k ? s.head : args.k;
  const int left = args.k - s.head - (AK_A_MAJOR_K && kAlignRun < 8 ? 8 : 0);
  s.words = left > 0 ? left / 8 : 0;
  s.begin = 0, s.end = s.words;
  if (AK_SPLIT_K > 1) {
    const int each = (args.k / 8 + AK_SPLIT_K - 1) / AK_SPLIT_K;
    s.begin = blockIdx.y * each;
    s.end = s.words < s.begin + each ? s.words : s.begin + each;
  }
  return s;
}

// A[m, k0..k0+8), zeros unless `wanted`. With kAlignRun below 8 up to 16 bytes past them are read.
__device__ __forceinline__ void a_run(const KernelArgs& args, bool wanted, int m, int k0, float (&x)[8]) {
#if AK_A_MAJOR_K
  const char* at = reinterpret_cast<const char*>(a_address(args, m, k0));
  Run r = {};
  if constexpr (kAlignRun < 8) {
    const char* aligned = at - misalignment<kAlignRun>(at);
    r.first = read_words_if(wanted, aligned), r.second = read_words_if(wanted, aligned + 16);
  } else if (wanted) {
    r = fetch<kAlignRun, false>(at);
  }
  widen(settle<kAlignRun>(r, at), x);
#else
#pragma unroll
  for (int e = 0; e < 8; ++e) x[e] = wanted ? to_float<AK_IN>(*a_address(args, m, k0 + e)) : 0;
#endif
}

// `unroll` words of each row, kGroup words apart, starting at word `first`. Rows begin at their first word.
template <bool part>
__device__ __forceinline__ void accumulate(const KernelArgs& args, const char* const (&rows)[kRows],
                                           const Span (&spans)[kOffsets], int first, Sums& sums) {
  Words4 w[kRows][AK_UNROLL];
  const auto wanted = [&](int o, int u) { return !part || first + u * kGroup < spans[o].end; };
#pragma unroll
  for (int u = 0; u < AK_UNROLL; ++u)
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const char* at = rows[r] + static_cast<i64>(first + u * kGroup) * 16;
      w[r][u] = part ? read_weights_if(wanted(r / kSharing, u), at) : read_weights(at);
    }
#pragma unroll
  for (int u = 0; u < AK_UNROLL; ++u)
#pragma unroll
    for (int o = 0; o < kOffsets; ++o) {
      float wide[kSharing][8];
#pragma unroll
      for (int r = 0; r < kSharing; ++r) widen(w[o * kSharing + r][u], wide[r]);
#pragma unroll
      for (int m = 0; m < AK_TILE_M; ++m) {
        float x[8];
        a_run(args, wanted(o, u), m, spans[o].head + (first + u * kGroup) * 8, x);
#pragma unroll
        for (int r = 0; r < kSharing; ++r)
#pragma unroll
          for (int e = 0; e < 8; ++e) sums[o * kSharing + r][m][e % 2] += wide[r][e] * x[e];
      }
    }
}

// The elements off the words, at most 7 before and 15 after them: a lane multiplies one of each row. They are loaded when this
// is made.
struct Ends {
  u32 w[kRows], x[kOffsets][AK_TILE_M];

  Ends() = default;
  __device__ __forceinline__ Ends(const KernelArgs& args, const char* const (&rows)[kRows], const Span (&spans)[kOffsets],
                                  bool mine, int lane) {
#pragma unroll
    for (int o = 0; o < kOffsets; ++o) {
      const Span& s = spans[o];
      const int k = lane < 8 ? lane : s.head + s.words * 8 + lane - 8;
      const bool wanted = mine && (lane < 8 ? k < s.head : k < args.k);
#pragma unroll
      for (int r = o * kSharing; r < (o + 1) * kSharing; ++r) w[r] = read_element_if(wanted, rows[r] + (k - s.head) * 2);
#pragma unroll
      for (int m = 0; m < AK_TILE_M; ++m) x[o][m] = read_element_if(wanted, a_address(args, m, k));
    }
  }
  __device__ __forceinline__ void accumulate(Sums& sums) const {
#pragma unroll
    for (int r = 0; r < kRows; ++r)
#pragma unroll
      for (int m = 0; m < AK_TILE_M; ++m)
        sums[r][m][0] += to_float<AK_IN>(static_cast<u16>(w[r])) * to_float<AK_IN>(static_cast<u16>(x[r / kSharing][m]));
  }
};

// overlap=3: the words that a CTA reads first go into L2 while the kernels before this one still run. It does not matter that
// they may write them: L2 is where all SMs meet. Later CTAs do not wait, they would only ask twice.
__device__ __forceinline__ bool starts_first() {
  u32 sms;
  asm("mov.u32 %0, %%nsmid;" : "=r"(sms));
  return blockIdx.y * gridDim.x + blockIdx.x < sms * (kResident > 4 ? kResident : 4);
}
__device__ __forceinline__ void fetch_first(const char* const (&rows)[kRows], const Span (&spans)[kOffsets], int lane) {
#if __CUDA_ARCH__ >= 900
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const Span& s = spans[r / kSharing];
    const int left = s.end - s.begin, words = left < kGroup * AK_UNROLL ? left : kGroup * AK_UNROLL;
    if (lane == r && words > 0)
      asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(rows[r] + static_cast<i64>(s.begin) * 16), "r"(words * 16)
                   : "memory");
  }
#endif
}

__device__ __forceinline__ void partial_sums(const KernelArgs& args, int column0, float* partial) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int share = warp / AK_WARPS_N, first = warp % AK_WARPS_N * kColumns;
  const char* rows[kRows];
  Span spans[kOffsets];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int row = column0 + (first + r % kColumns) * kStride;  // past n: one that starts at the same byte
    rows[r] = weights(args, r / kColumns) + (row < args.n ? row : column0) * args.ldb * 2;
    if (r % kSharing == 0) spans[r / kSharing] = span_of(args, rows[r]);
    rows[r] += spans[r / kSharing].head * 2;
  }
  if (AK_OVERLAP >= 2 && share == 0 && starts_first()) fetch_first(rows, spans, lane);
  await_kernels_before();

  // Where rows have ends as a rule, these are on their way before the words.
  constexpr bool early = kStride > 1;
  const bool mine = share == 0 && blockIdx.y == 0;
  const Ends ends = early ? Ends(args, rows, spans, mine, lane) : Ends{};

  int whole = spans[0].end, end = spans[0].end;  // words that all rows have, that any has
#pragma unroll
  for (int o = 1; o < kOffsets; ++o) {
    whole = whole < spans[o].end ? whole : spans[o].end;
    end = end > spans[o].end ? end : spans[o].end;
  }
  Sums sums = {};
  constexpr int block = kGroup * AK_UNROLL;
  int word = spans[0].begin;
#pragma unroll 1
  for (; word + block <= whole; word += block) accumulate<false>(args, rows, spans, word + share * 32 + lane, sums);
#pragma unroll 1
  for (; word < end; word += block) accumulate<true>(args, rows, spans, word + share * 32 + lane, sums);
  if (early)
    ends.accumulate(sums);
  else if (args.k % 8)
    Ends(args, rows, spans, mine, lane).accumulate(sums);

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

constexpr int kResident = 1;
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
  await_kernels_before();
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

extern "C" __global__ void __launch_bounds__(ak::kThreads, ak::kResident > 1 ? ak::kResident : 1)
    ak_kernel(const __grid_constant__ ak::KernelArgs args) {
  using namespace ak;
  extern __shared__ __align__(16) float partial[];  // [warps_m][gates][tile_m][tile_n]
  const int column0 = first_column();
  if (kStride > 1 && column0 >= args.n) {
    await_kernels_before();
    return;
  }
  partial_sums(args, column0, partial);
  let_next_kernel_start();  // not before B is read: the next kernel's CTAs would crowd on the SMs that are done first
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
    const int row = output / AK_TILE_N, column = column0 + output % AK_TILE_N * kStride;
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
