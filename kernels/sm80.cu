// GEMM for every layout, size and alignment on compute capability 8.0 and later: a ring of shared-memory stages, ldmatrix,
// mma.sync. Operands whose rows are aligned to 4 bytes or more arrive by cp.async; the rest as aligned 16-byte words that are
// shifted in registers on their way to shared memory, one tile ahead of the arithmetic.
//
// With schedule=cooperative the first CTAs copy every operand whose rows are not aligned to 16 bytes into aligned rows in the
// workspace, once, and the others then take it from there: the shift is paid once instead of once a tile.
//
// One CTA makes one tile_m x tile_n tile of D (of one slice of k when split_k > 1); warps_m x warps_n warps share it. Gated, a
// stage holds a tile of the up matrix after B's, and each warp multiplies by the same columns of both.

namespace ak {

constexpr int kThreads = 32 * AK_WARPS_M * AK_WARPS_N;
constexpr int kWarpM = AK_TILE_M / AK_WARPS_M, kWarpN = AK_TILE_N / AK_WARPS_N;
constexpr int kBlocksM = kWarpM / 16, kBlocksD = kWarpN / 8;  // mma blocks of a warp's part of D
constexpr int kBlocksN = kGates * kBlocksD;                   // along n; gated: the gate's, then the up projection's
constexpr int kSteps = AK_TILE_K / 16;                        // mma steps of a stage

// One operand's tile in one stage: `outer` rows of `inner` contiguous elements, in 16-byte chunks swizzled so that eight rows'
// equal chunks lie in different banks. `size` is the operand's extent along m or n, `origin` where this CTA's tile begins.
template <bool major_k, int extent, int align>
struct OperandTile {
  static constexpr int outer = major_k ? extent : AK_TILE_K, inner = major_k ? AK_TILE_K : extent;
  static constexpr int chunks = inner / 8;
  static constexpr int bytes = outer * inner * 2;
  static constexpr bool async = align >= 4;
  static constexpr int piece = async ? align : 16;  // bytes a thread moves at once
  static constexpr int row_pieces = inner * 2 / piece;
  static constexpr int pieces = outer * row_pieces;
  static constexpr int rounds = (pieces + kThreads - 1) / kThreads;

  const char* data;
  i64 pitch;  // bytes
  int origin, size, k;
  Words4 staged[async ? 1 : rounds][2];

  static __device__ __forceinline__ int swizzle(int row, int chunk) {
    constexpr int span = chunks < 8 ? chunks : 8;
    return chunk ^ ((row / (8 / span)) & (span - 1));
  }

  // Position of a thread's piece: row, first element, byte offset in the stage. When a round covers a multiple of eight whole
  // rows, rounds differ by a constant in row and offset.
  static constexpr bool regular = kThreads % (8 * row_pieces) == 0;
  static constexpr int round_rows = kThreads / row_pieces;
  struct Piece {
    int row, element, offset;
    __device__ __forceinline__ Piece(int thread, int round) {
      const int index = thread + (regular ? 0 : round * kThreads);
      row = index / row_pieces;
      const int column = index % row_pieces;
      element = column * (piece / 2);
      offset = (row * chunks + swizzle(row, column * piece / 16)) * 16 + column * piece % 16;
      if (regular) row += round * round_rows, offset += round * round_rows * chunks * 16;
    }
  };
  static __device__ __forceinline__ bool exists(int thread, int round) {
    return pieces % kThreads == 0 || thread + round * kThreads < pieces;
  }

  // The thread's index, which the compiler must take for a new value each time: positions are cheap to compute again, and too
  // many to keep in registers across the loop.
  static __device__ __forceinline__ int this_thread() {
    int thread = threadIdx.x;
    asm volatile("" : "+r"(thread));
    return thread;
  }

  // Calls visit(piece, address, round) for the thread's pieces of a tile, for addresses that need no checks.
  template <class Visit>
  __device__ __forceinline__ void for_each_piece(int k0, Visit visit) const {
    const int thread = this_thread();
    const char* tile = data + (major_k ? origin : k0) * pitch + static_cast<i64>(major_k ? k0 : origin) * 2;
    if constexpr (regular) {
      const Piece first(thread, 0);
      const char* from = tile + first.row * pitch + first.element * 2;
      const i64 step = round_rows * pitch;
#pragma unroll
      for (int i = 0; i < rounds; ++i, from += step)
        if (exists(thread, i)) visit(Piece(thread, i), from, i);
    } else {
#pragma unroll
      for (int i = 0; i < rounds; ++i)
        if (exists(thread, i)) {
          const Piece p(thread, i);
          visit(p, tile + p.row * pitch + p.element * 2, i);
        }
    }
  }

  // The same for tiles at an edge: visit(piece, address, round, elements), elements being how many of the piece exist; the
  // address is valid memory even when none does.
  template <class Visit>
  __device__ __forceinline__ void for_each_edge_piece(int k0, Visit visit) const {
    const int thread = this_thread();
#pragma unroll
    for (int i = 0; i < rounds; ++i)
      if (exists(thread, i)) {
        const Piece p(thread, i);
        const int row = (major_k ? origin : k0) + p.row, element = (major_k ? k0 : origin) + p.element;
        const int left = row < (major_k ? size : k) ? (major_k ? k : size) - element : 0;
        const char* from = left > 0 ? data + row * pitch + static_cast<i64>(element) * 2 : data;
        visit(p, from, i, left < 0 ? 0 : left < piece / 2 ? left : piece / 2);
      }
  }

  __device__ __forceinline__ const char* end() const {
    return data + ((major_k ? size : k) - 1) * pitch + static_cast<i64>(major_k ? k : size) * 2;
  }

  __device__ __forceinline__ void copy(u32 stage, int k0) const {
    if (origin + extent <= size && k0 + AK_TILE_K <= k)
      for_each_piece(k0, [&](const Piece& p, const char* from, int) { copy_async<piece>(stage + p.offset, from); });
    else
      for_each_edge_piece(k0, [&](const Piece& p, const char* from, int, int elements) {
        if (elements == 0 || from + piece <= end()) {
          copy_async<piece>(stage + p.offset, from, elements * 2);
        } else {  // the operand's last piece: past its end nothing is touched
#pragma unroll 1
          for (int e = 0; e < piece / 2; ++e)
            store_shared(stage + p.offset + e * 2, e < elements ? reinterpret_cast<const u16*>(from)[e] : u16{0});
        }
      });
  }

  // Whether every run of the tile is whole and the aligned words around it lie inside the operand.
  __device__ __forceinline__ bool inside(int k0) const {
    return major_k ? origin + extent <= size && k0 + AK_TILE_K <= k && (origin + extent < size || k0 + AK_TILE_K + 8 <= k)
                   : origin + extent <= size && k0 + AK_TILE_K <= k && (k0 + AK_TILE_K < k || origin + extent + 8 <= size);
  }

  static __device__ __forceinline__ u32 misalignment(const char* at) { return reinterpret_cast<u64>(at) & 15; }

  __device__ __forceinline__ void read(int k0) {
    if (inside(k0)) {
      for_each_piece(k0, [&](const Piece&, const char* from, int i) {
        from -= misalignment(from);
        staged[i][0] = read_words(from);
        staged[i][1] = read_words(from + 16);
      });
    } else {
      const char* end = this->end();
      for_each_edge_piece(k0, [&](const Piece&, const char* from, int i, int elements) {
        const u32 offset = misalignment(from);
        staged[i][0] = staged[i][1] = {};
        if (elements > 0) staged[i][0] = read_words(from - offset, end);
        if (elements * 2 + offset > 16) staged[i][1] = read_words(from - offset + 16, end);
      });
    }
  }

  __device__ __forceinline__ void write(u32 stage, int k0) const {
    if (inside(k0))
      for_each_piece(k0, [&](const Piece& p, const char* from, int i) {
        store_shared(stage + p.offset, shift_words(staged[i][0], staged[i][1], misalignment(from)));
      });
    else
      for_each_edge_piece(k0, [&](const Piece& p, const char* from, int i, int elements) {
        Words4 v = shift_words(staged[i][0], staged[i][1], misalignment(from));
        keep_elements(v, elements);
        store_shared(stage + p.offset, v);
      });
  }

  // Begin and finish of a tile's way into a stage.
  __device__ __forceinline__ void begin(u32 stage, int k0) {
    if constexpr (async)
      copy(stage, k0);
    else
      read(k0);
  }
  __device__ __forceinline__ void finish(u32 stage, int k0) const {
    if constexpr (!async) write(stage, k0);
  }
};

constexpr bool kPack = AK_SCHEDULE == 1;
constexpr bool kPackA = kPack && AK_ALIGN_A < 16, kPackB = kPack && AK_ALIGN_B < 16;

using TileA = OperandTile<AK_A_MAJOR_K, AK_TILE_M, kPackA ? 16 : AK_ALIGN_A>;
using TileB = OperandTile<AK_B_MAJOR_K, AK_TILE_N, kPackB ? 16 : AK_ALIGN_B>;
constexpr int kStageBytes = TileA::bytes + kGates * TileB::bytes;

struct Fragments {
  u32 a[kBlocksM][4], b[kBlocksN / 2][4];
};

// Each lane names one 16-byte row of the four 8x8 matrices of an ldmatrix.
__device__ __forceinline__ void load_fragments(Fragments& f, u32 stage, int step) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int m0 = warp / AK_WARPS_N * kWarpM, n0 = warp % AK_WARPS_N * kWarpN;
#pragma unroll
  for (int i = 0; i < kBlocksM; ++i) {
    const int row = AK_A_MAJOR_K ? m0 + i * 16 + lane % 16 : step * 16 + lane % 8 + lane / 16 * 8;
    const int chunk = AK_A_MAJOR_K ? step * 2 + lane / 16 : (m0 + i * 16) / 8 + lane / 8 % 2;
    load_matrices<!AK_A_MAJOR_K>(f.a[i], stage + (row * TileA::chunks + TileA::swizzle(row, chunk)) * 16);
  }
#pragma unroll
  for (int j = 0; j < kBlocksN / 2; ++j) {
    const int gate = j / (kBlocksD / 2), n = n0 + j % (kBlocksD / 2) * 16;
    const int row = AK_B_MAJOR_K ? n + lane % 8 + lane / 16 * 8 : step * 16 + lane % 16;
    const int chunk = AK_B_MAJOR_K ? step * 2 + lane / 8 % 2 : n / 8 + lane / 16;
    load_matrices<!AK_B_MAJOR_K>(
        f.b[j], stage + TileA::bytes + gate * TileB::bytes + (row * TileB::chunks + TileB::swizzle(row, chunk)) * 16);
  }
}

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
#pragma unroll 1
    for (i64 unit = ticket * (kThreads / 32) + threadIdx.x / 32; unit < units; unit += copies * (kThreads / 32)) {
      const bool first = unit < units_a, up = AK_GATED && unit >= units_a + b.units();
      Pack p{first ? a.from : b.from, first ? a.to : b.to, first ? a.pitch : b.pitch, first ? a.rows : b.rows,
             first ? a.inner : b.inner};
      if (up) p.from = pack_of_up(args).from, p.to = pack_of_up(args).to;
      p.copy(first ? unit : unit - units_a - (up ? b.units() : 0));
    }
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

using Accumulators = float[kBlocksM][kBlocksN][4];

// Sums the slices of k in their order, whichever CTA comes last. True for the CTA that now holds the sum.
__device__ __forceinline__ bool reduce_slices(const KernelArgs& args, const Work& work, Accumulators& sum) {
#if AK_SPLIT_K > 1
  constexpr int quads = kBlocksM * kBlocksN;
  float4* partial = split_sums(args) + threadIdx.x;
  const auto at = [&](int slice, int quad) {
    return partial + ((static_cast<i64>(slice) * work.tiles + work.tile) * quads + quad) * kThreads;
  };
#pragma unroll
  for (int q = 0; q < quads; ++q) {
    const auto& v = sum[q / kBlocksN][q % kBlocksN];
    __stcg(at(work.slice, q), make_float4(v[0], v[1], v[2], v[3]));
  }
  if (!last_of_split(args.workspace, kFirstSplit + work.tile, AK_SPLIT_K)) return false;
#pragma unroll
  for (int q = 0; q < quads; ++q) {
    auto& v = sum[q / kBlocksN][q % kBlocksN];
    v[0] = v[1] = v[2] = v[3] = 0;
  }
#pragma unroll 1
  for (int slice = 0; slice < AK_SPLIT_K; ++slice)
#pragma unroll
    for (int q = 0; q < quads; ++q) {
      auto& v = sum[q / kBlocksN][q % kBlocksN];
      const float4 part = __ldcg(at(slice, q));
      v[0] += part.x, v[1] += part.y, v[2] += part.z, v[3] += part.w;
    }
#endif
  return true;
}

// Two neighbours of a row; `second` says that the other one is inside D.
__device__ __forceinline__ void store_pair(const Output& output, int row, int column, bool second, float low, float high) {
  Out* to = output.at(row, column);
  if (output.pairs && second) {
    if constexpr (AK_OUT == F32)
      *reinterpret_cast<float2*>(to) = make_float2(low, high);
    else
      *reinterpret_cast<u32*>(to) = pack<AK_OUT>(low, high);
  } else {
    to[0] = from_float<AK_OUT>(low);
    if (second) to[1] = from_float<AK_OUT>(high);
  }
}

// Straight from registers: pairs of columns, four lanes to a row.
__device__ __forceinline__ void store_direct(const KernelArgs& args, const Accumulators& sum, int row0, int column0) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  row0 += warp / AK_WARPS_N * kWarpM + lane / 4;
  column0 += warp % AK_WARPS_N * kWarpN + lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < 2 * kBlocksM; ++i) {
    const int row = row0 + i * 8;
    if (row >= args.m) break;
#pragma unroll
    for (int j = 0; j < kBlocksD; ++j) {
      const int column = column0 + j * 8;
      if (column >= args.n) break;
      const bool second = column + 1 < args.n;
      float x[2][kGates], y[2] = {0.0f, 0.0f};
#pragma unroll
      for (int e = 0; e < 2; ++e) {
#pragma unroll
        for (int g = 0; g < kGates; ++g) x[e][g] = sum[i / 2][g * kBlocksD + j][i % 2 * 2 + e];
        if (e == 0 || second) y[e] = finish_element(args, row, column + e, x[e]);
      }
      store_pair(output_d(args), row, column, second, y[0], y[1]);
#pragma unroll
      for (int g = 0; g < kAuxes; ++g) store_pair(output_aux(args, g), row, column, second, x[0][g], x[1][g]);
    }
  }
}

// `width` neighbours of a row from column `first` on, those inside 0 <= column < columns; `whole` says that all are, and that
// they may be stored at once.
template <int width>
__device__ __forceinline__ void store_run(Out* row, int first, int columns, bool whole, const float (&y)[width]) {
  constexpr int bytes = width * static_cast<int>(sizeof(Out));
  Out* to = row + first;
  if (!whole) {
#pragma unroll
    for (int e = 0; e < width; ++e)
      if (first + e >= 0 && first + e < columns) to[e] = from_float<AK_OUT>(y[e]);
  } else if constexpr (AK_OUT == F32) {
    if constexpr (width == 4)
      *reinterpret_cast<float4*>(to) = make_float4(y[0], y[1], y[2], y[3]);
    else
      *reinterpret_cast<float2*>(to) = make_float2(y[0], y[1]);
  } else {
    if constexpr (bytes == 4)
      *reinterpret_cast<u32*>(to) = pack<AK_OUT>(y[0], y[1]);
    else if constexpr (bytes == 8)
      *reinterpret_cast<uint2*>(to) = make_uint2(pack<AK_OUT>(y[0], y[1]), pack<AK_OUT>(y[2], y[3]));
    else
      *reinterpret_cast<uint4*>(to) =
          make_uint4(pack<AK_OUT>(y[0], y[1]), pack<AK_OUT>(y[2], y[3]), pack<AK_OUT>(y[4], y[5]), pack<AK_OUT>(y[6], y[7]));
  }
}

// Through shared memory, 16 rows of every warp at a time, so that a warp writes whole runs of a row. Where D's rows are aligned
// to one element only, pairs start at each row's first 4-byte boundary.
__device__ __forceinline__ void store_shared_rows(const KernelArgs& args, const Accumulators& sum, char* shared, int row0,
                                                  int column0) {
  constexpr int size = sizeof(Out);
  constexpr int width = AK_ALIGN_D > 2 * size ? AK_ALIGN_D / size : 2;  // elements a thread stores at once
  constexpr bool aligned = AK_ALIGN_D >= width * size;
  constexpr int pitch = kGates * AK_TILE_N + 8;
  constexpr int vectors = AK_TILE_N / width + (aligned ? 0 : 1);
  constexpr int lanes = vectors > 16 ? 32 : vectors > 8 ? 16 : vectors > 4 ? 8 : 4;  // of a warp, on one row
  constexpr int rows_at_once = 32 / lanes;
  float* slab = reinterpret_cast<float*>(shared);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int columns = args.n - column0 < AK_TILE_N ? args.n - column0 : AK_TILE_N;
#pragma unroll
  for (int i = 0; i < kBlocksM; ++i) {
    __syncthreads();
    float* to = slab + (warp / AK_WARPS_N * 16 + lane / 4) * pitch + warp % AK_WARPS_N * kWarpN + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < kBlocksN; ++j) {
      float* at = to + j / kBlocksD * AK_TILE_N + j % kBlocksD * 8;
      *reinterpret_cast<float2*>(at) = make_float2(sum[i][j][0], sum[i][j][1]);
      *reinterpret_cast<float2*>(at + 8 * pitch) = make_float2(sum[i][j][2], sum[i][j][3]);
    }
    __syncthreads();
#pragma unroll 2
    for (int slab_row = warp * rows_at_once + lane / lanes; slab_row < AK_WARPS_M * 16;
         slab_row += kThreads / 32 * rows_at_once) {
      const int row = row0 + slab_row / 16 * kWarpM + i * 16 + slab_row % 16;
      if (row >= args.m) continue;
      Out* d = output_d(args).at(row, column0);
      const int odd = aligned ? 0 : static_cast<int>(reinterpret_cast<u64>(d) / size % 2);
#pragma unroll
      for (int vector = 0; vector < vectors; vector += lanes) {
        const int first = (vector + lane % lanes) * width - odd;
        if (first >= columns) continue;
        const float* from = slab + slab_row * pitch + first;
        float y[width], pre[kGates][width];
#pragma unroll
        for (int e = 0; e < width; ++e) {
          const int column = first + e;
          float x[kGates] = {};
          y[e] = 0;
          if (column >= 0 && column < columns) {
#pragma unroll
            for (int g = 0; g < kGates; ++g) x[g] = from[g * AK_TILE_N + e];
            y[e] = finish_element(args, row, column0 + column, x);
          }
#pragma unroll
          for (int g = 0; g < kGates; ++g) pre[g][e] = x[g];
        }
        const bool whole = first >= 0 && first + width <= columns;
        store_run(d, first, columns, whole && (aligned || size == 2), y);
        // The up part of aux lies n elements further on, and misaligned rows of aux may be odd where those of D are even.
#pragma unroll
        for (int g = 0; g < kAuxes; ++g)
          store_run(output_aux(args, g).at(row, column0), first, columns, whole && aligned && (g == 0 || args.n % width == 0),
                    pre[g]);
      }
    }
  }
}

}  // namespace ak

extern "C" __global__ void __launch_bounds__(ak::kThreads) ak_kernel(const __grid_constant__ ak::KernelArgs args) {
  using namespace ak;
  extern __shared__ __align__(1024) char shared[];
  const u32 ring = shared_address(shared);
  let_next_kernel_start();
  await_kernels_before();

  // Which tile: rows of tiles, or groups of AK_RASTER rows walked column by column, so that neighbours in time share L2.
  const int tiles_m = (args.m + AK_TILE_M - 1) / AK_TILE_M, tiles_n = (args.n + AK_TILE_N - 1) / AK_TILE_N;
  Work work;
  if (!take_work(args, tiles_m * tiles_n, work)) return;
  constexpr int group = AK_RASTER > 1 ? AK_RASTER : 1;
  const int first = work.tile / (group * tiles_n) * group, within = work.tile % (group * tiles_n);
  const int rows = tiles_m - first < group ? tiles_m - first : group;
  const int row0 = (first + within % rows) * AK_TILE_M, column0 = within / rows * AK_TILE_N;

  // Which part of k, in stages.
  int stage_begin = 0, stage_end = (args.k + AK_TILE_K - 1) / AK_TILE_K;
  if (AK_SPLIT_K > 1) {
    const int each = (stage_end + AK_SPLIT_K - 1) / AK_SPLIT_K;
    stage_begin = work.slice * each;
    stage_end = stage_end < stage_begin + each ? stage_end : stage_begin + each;
  }

  TileA a{static_cast<const char*>(args.a), args.lda * 2, row0, args.m, args.k};
  TileB b{static_cast<const char*>(args.b), args.ldb * 2, column0, args.n, args.k};
  TileB up{static_cast<const char*>(args.b2), args.ldb * 2, column0, args.n, args.k};
  if (kPackA) a.data = pack_of_a(args).to, a.pitch = pack_of_a(args).copy_pitch();
  if (kPackB) b.data = pack_of_b(args).to, b.pitch = pack_of_b(args).copy_pitch();
  if (kPackB && AK_GATED) up.data = pack_of_up(args).to, up.pitch = b.pitch;
  // Begin and finish of a stage's filling.
  const auto begin = [&](u32 stage, int k0) {
    a.begin(stage, k0), b.begin(stage + TileA::bytes, k0);
    if (AK_GATED) up.begin(stage + TileA::bytes + TileB::bytes, k0);
  };
  const auto finish = [&](u32 stage, int k0) {
    a.finish(stage, k0), b.finish(stage + TileA::bytes, k0);
    if (AK_GATED) up.finish(stage + TileA::bytes + TileB::bytes, k0);
  };

#pragma unroll 1
  for (int s = 0; s < AK_STAGES - 1; ++s) {
    const int k0 = (stage_begin + s) * AK_TILE_K;
    const u32 stage = ring + s * kStageBytes;
    if (stage_begin + s < stage_end) {
      begin(stage, k0);
      finish(stage, k0);
    }
    commit_copies();
  }

  Accumulators sum = {};
  Fragments fragments[2];
  await_copies<AK_STAGES - 2>();
  __syncthreads();
  load_fragments(fragments[0], ring, 0);

  int read_slot = 0, write_slot = AK_STAGES - 1;
#pragma unroll 1
  for (int t = stage_begin; t < stage_end; ++t) {
    const int ahead = t + AK_STAGES - 1;
    const u32 to = ring + write_slot * kStageBytes;
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (step == 0) {
        // The slot being filled was read in the previous round, which every thread has left.
        if (ahead < stage_end) begin(to, ahead * AK_TILE_K);
        commit_copies();
      }
      if (step == kSteps - 1) {
        if (ahead < stage_end) finish(to, ahead * AK_TILE_K);
        await_copies<AK_STAGES - 2>();
        __syncthreads();
        write_slot = read_slot;
        read_slot = read_slot + 1 == AK_STAGES ? 0 : read_slot + 1;
      }
      load_fragments(fragments[(step + 1) % 2], ring + read_slot * kStageBytes, (step + 1) % kSteps);
      const Fragments& f = fragments[step % 2];
#pragma unroll
      for (int i = 0; i < kBlocksM; ++i)
#pragma unroll
        for (int j = 0; j < kBlocksN; ++j) mma<AK_IN>(sum[i][j], f.a[i], f.b[j / 2][j % 2 * 2], f.b[j / 2][j % 2 * 2 + 1]);
    }
  }
  await_copies<0>();

  if (!reduce_slices(args, work, sum)) return;
  if (AK_STORE == 1)
    store_shared_rows(args, sum, shared, row0, column0);
  else
    store_direct(args, sum, row0, column0);
}
