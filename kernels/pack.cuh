// A matrix whose rows begin at any even address, copied into rows that begin on 128-byte boundaries.
#pragma once

namespace ak {

// A warp copies equal parts of rows, 16-byte chunk by chunk, all its loads in flight: each aligned word is read once, and a
// lane gets the next one from its neighbour. Few instructions matter here: the copy waits for them as much as for memory.
struct Pack {
  static constexpr int runs = 8;  // of 32 chunks, in a part
  const char* from;
  char* to;
  i64 pitch;  // bytes, of the original
  int rows, inner;

  __device__ __forceinline__ i64 copy_pitch() const { return static_cast<i64>(inner + 63) / 64 * 128; }
  __device__ __forceinline__ i64 bytes() const { return rows * copy_pitch(); }
  __device__ __forceinline__ int chunks() const { return (inner + 7) / 8; }
  __device__ __forceinline__ int parts() const { return (chunks() + 32 * runs - 1) / (32 * runs); }
  __device__ __forceinline__ i64 units() const { return static_cast<i64>(rows) * parts(); }

  // What the copy's rows hold behind `inner` elements is undefined.
  __device__ __forceinline__ void copy(i64 unit) const {
    const int lane = threadIdx.x % 32, parts = this->parts();
    const i64 row = parts == 1 ? unit : unit / parts;
    const int each = (chunks() + parts - 1) / parts, first = static_cast<int>(unit - row * parts) * each;
    const int count = min(each, chunks() - first);
    const char* at = from + row * pitch + first * 16ll;
    const u32 offset = reinterpret_cast<u64>(at) & 15;
    at -= offset;
    const char* end = from + (rows - 1) * pitch + inner * 2ll;
    const i64 whole = (end - at) / 16;  // words
    const int last = whole <= count ? static_cast<int>(whole) - 1 : count;
    at += lane * 16;
    Words4 words[runs + 1];  // one of the next run, for the last lane's neighbour
#pragma unroll
    for (int i = 0; i <= runs; ++i) words[i] = read_words_if(i * 32 + lane <= last && (i < runs || lane == 0), at + i * 512);
    if (last < count) {  // the operand ends inside the next word
#pragma unroll 1
      for (int i = 0; i <= runs; ++i)
        if (i * 32 + lane == last + 1) {
          const Words4 v = read_words(at + i * 512, end);
#pragma unroll
          for (int j = 0; j <= runs; ++j)
            if (i == j) words[j] = v;
        }
    }
    char* out = to + row * copy_pitch() + (first + lane) * 16ll;
#pragma unroll
    for (int i = 0; i < runs; ++i) {
      Words4 next;
#pragma unroll
      for (int w = 0; w < 4; ++w)
        next.w[w] = __shfl_sync(0xffffffffu, lane == 0 ? words[i + 1].w[w] : words[i].w[w], (lane + 1) % 32);
      const Words4 v = shift_words(words[i], next, offset);
      if (i * 32 + lane < count) *reinterpret_cast<uint4*>(out + i * 512) = make_uint4(v.w[0], v.w[1], v.w[2], v.w[3]);
    }
  }
};

}  // namespace ak
