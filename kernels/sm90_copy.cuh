// sm90, load=1: producers for operands whose rows lie on 8-byte boundaries only, which TMA cannot read. Eight warps bring them
// by cp.async, 8 bytes at a time, to where wgmma wants them: no copy in the workspace, no meeting of CTAs.
#pragma once

namespace ak::sm90 {

// Stages in flight. More of them, and a deeper ring, leave L1 too small for the lines that are on their way.
constexpr int kAhead = kStages > 3 ? 2 : 1;

// `bytes` of eight, zeros after them.
__device__ __forceinline__ void copy_piece(u32 to, const char* from, int bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int pending>
__device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// One operand, contiguous along k, as one producer thread sees it: a piece of every 16th row. Rows 8 apart have one swizzle, so
// a warp takes those, two at a time.
template <int extent>
struct CopiedRows {
  static constexpr int piece = 8, lanes = kChunk / piece, count = (extent / 8 + 1) / 2;
  const char* from;  // this thread's piece of its first row
  i64 pitch;         // bytes
  int rows, k;       // of the operand
  u32 end;           // of its last row, an element for each lane of a piece that must not be read whole

  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  static __device__ __forceinline__ int warp() { return threadIdx.x / 32 % 8; }
  static __device__ __forceinline__ int row() { return warp() + lane() / lanes * 8; }
  // Of a byte of one of the warp's rows, from the first row's beginning.
  static __device__ __forceinline__ u32 place(int byte) { return warp() * kChunk + (byte / 16 ^ warp()) * 16 + byte % 16; }

  __device__ __forceinline__ CopiedRows(const void* operand, i64 ld, int rows, int k)
      : pitch(ld * 2), rows(rows), k(k), end(0) {
    const char* first = static_cast<const char*>(operand);
    from = first + row() * pitch + lane() % lanes * piece;
    if ((rows - 1) % 8 == warp() && lane() < k % 4)
      end = *reinterpret_cast<const u16*>(first + (rows - 1) * pitch + (k - k % 4 + lane()) * 2ll);
  }

  // Stage i of the tile whose first row is `origin`; zeros beyond the operand.
  __device__ __forceinline__ void load(u32 to, int origin, int i) const {
    const int bytes = min(max(2 * (k - i * kDepth) - lane() % lanes * piece, 0), piece);
    int left = rows - origin - row();
    if (bytes > 0 && bytes < piece) left = min(left, rows - 1 - origin - row());
    const char* at = from + origin * pitch + i * static_cast<i64>(kChunk);
    to += place(lane() % lanes * piece) + lane() / lanes * 8 * kChunk;
#pragma unroll
    for (int j = 0; j < count; ++j) {
      if (extent % 16 == 0 || j + 1 < count || lane() < lanes) copy_piece(to + j * 16 * kChunk, at, left > 16 * j ? bytes : 0);
      at += 16 * pitch;
    }
  }

  // What load() has left out of the operand's last row.
  __device__ __forceinline__ void load_end(u32 to, int origin, int i) const {
    const int element = k - k % 4 + lane() - i * kDepth, last = rows - 1 - origin;
    if (last >= 0 && last < extent && last % 8 == warp() && lane() < k % 4 && element >= 0 && element < kDepth)
      store_shared(static_cast<u16>(end), to + last / 8 * 8 * kChunk + place(element * 2));
  }
};

__device__ __forceinline__ void produce_copies(const KernelArgs& args, const Work& work, const Ring& ring) {
  const CopiedRows<kRows> left(kSwap ? args.b : args.a, kSwap ? args.ldb : args.lda, work.rows, args.k);
  const CopiedRows<kColumns> right(kSwap ? args.a : args.b, kSwap ? args.lda : args.ldb, work.columns, args.k);
  struct Cursor {
    Ring ring;
    u32 index;
    int i;
    Work::Tile tile;
    __device__ __forceinline__ void next(const Work& work) {
      ring.next();
      if (++i < work.k_end) return;
      i = work.k_begin;
      index += work.step;
      tile = work.tile(index);
    }
  };
  Cursor ahead{ring, work.first, work.k_begin, work.tile(work.first)}, now = ahead;
  const auto load = [&] {
    if (ahead.index < work.count) {
      const Ring& to = ahead.ring;
      barrier_wait(to.empty(), to.parity ^ 1);
      left.load(to.left(), ahead.tile.row, ahead.i);
      right.load(to.right(), ahead.tile.column, ahead.i);
      ahead.next(work);
    }
    copies_commit();
  };
#pragma unroll 1
  for (int s = 0; s < kAhead; ++s) load();
#pragma unroll 1
  while (now.index < work.count) {
    copies_wait<kAhead - 1>();
    __syncwarp();
    left.load_end(now.ring.left(), now.tile.row, now.i);
    right.load_end(now.ring.right(), now.tile.column, now.i);
    // The consumers make it all visible to wgmma: a fence here would wait for the loads in flight too.
    __syncwarp();
    if (threadIdx.x % 32 == 0) barrier_arrive(now.ring.full());
    now.next(work);
    load();
  }
}

}  // namespace ak::sm90
