// A matrix whose rows begin at any even address, copied into rows that begin on 128-byte boundaries.
#pragma once

namespace ak {

// Rows are taken as 16-byte chunks, and one slot more for the word that a row's last chunk may reach into. A warp copies a unit
// of slots, row after row, with all their loads in flight: each word is read once, and a lane gets the next one from its
// neighbour.
struct Pack {
  static constexpr int runs = 8;  // of 32 slots
  const char* from;
  char* to;
  i64 pitch;  // bytes, of the original
  int rows, inner;

  __device__ __forceinline__ i64 copy_pitch() const { return static_cast<i64>(inner + 63) / 64 * 128; }
  __device__ __forceinline__ i64 bytes() const { return rows * copy_pitch(); }
  __device__ __forceinline__ int chunks() const { return (inner + 7) / 8; }
  __device__ __forceinline__ i64 units() const { return (static_cast<i64>(rows) * (chunks() + 1) - 1) / (32 * runs) + 1; }

  struct Slot {
    i64 row;
    int chunk;
    __device__ __forceinline__ void next_run(int chunks) {
      for (chunk += 32; chunk > chunks; chunk -= chunks + 1) ++row;
    }
  };

  __device__ __forceinline__ void copy(i64 unit) const {
    const int lane = threadIdx.x % 32, chunks = this->chunks();
    const i64 index = unit * (32 * runs) + lane;
    const Slot first{index / (chunks + 1), static_cast<int>(index % (chunks + 1))};
    const char* end = from + (rows - 1) * pitch + static_cast<i64>(inner) * 2;
    Words4 words[runs + 1];
    Slot slot = first;
#pragma unroll
    for (int i = 0; i <= runs; ++i, slot.next_run(chunks)) {
      const char* row = from + slot.row * pitch;
      const char* word = row - (reinterpret_cast<u64>(row) & 15) + slot.chunk * 16ll;
      words[i] = {};
      if (slot.row < rows && word < end && (i < runs || lane == 0)) words[i] = read_words(word, end);
    }
    slot = first;
#pragma unroll
    for (int i = 0; i < runs; ++i, slot.next_run(chunks)) {
      Words4 next;
#pragma unroll
      for (int w = 0; w < 4; ++w)
        next.w[w] = __shfl_sync(0xffffffffu, lane == 0 ? words[i + 1].w[w] : words[i].w[w], (lane + 1) % 32);
      if (slot.row >= rows || slot.chunk == chunks) continue;
      Words4 v = shift_words(words[i], next, reinterpret_cast<u64>(from + slot.row * pitch) & 15);
      keep_elements(v, inner - slot.chunk * 8);
      *reinterpret_cast<uint4*>(to + slot.row * copy_pitch() + slot.chunk * 16ll) = make_uint4(v.w[0], v.w[1], v.w[2], v.w[3]);
    }
  }
};

}  // namespace ak
