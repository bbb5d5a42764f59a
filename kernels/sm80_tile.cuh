// sm80: one operand's tile on its way from memory through a stage into a warp's fragments.
#pragma once

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

}  // namespace ak
