// A matrix whose rows begin at any even address, copied into rows that begin on 128-byte boundaries.
#pragma once

namespace ak {

// A warp copies equal parts of rows, 16-byte chunk by chunk, all its loads in flight: each aligned word is read once, and a
// lane gets the next one from its neighbour. Few instructions matter here: the copy waits for them as much as for memory.
struct Pack {
  static constexpr int runs = 4;  // of 32 chunks, in a part
  const char* from;
  char* to;
  i64 pitch;  // bytes, of the original
  int rows, inner;

  __device__ __forceinline__ i64 copy_pitch() const { return static_cast<i64>(inner + 63) / 64 * 128; }
  __device__ __forceinline__ i64 bytes() const { return rows * copy_pitch(); }
  __device__ __forceinline__ int chunks() const { return (inner + 7) / 8; }
  __device__ __forceinline__ int parts() const { return (chunks() + 32 * runs - 1) / (32 * runs); }
  __device__ __forceinline__ i64 units() const { return static_cast<i64>(rows) * parts(); }
};

// Read once: the copy, not the original, shall stay in L2. Zeros, without a branch, unless `wanted`.
__device__ __forceinline__ Words4 read_words_once(bool wanted, const void* aligned) {
  Words4 v = {};
  asm volatile(
      "{\n.reg .pred p;\n"
      "setp.ne.u32 p, %5, 0;\n"
      "@p ld.global.nc.L1::no_allocate.L2::cache_hint.v4.u32 {%0,%1,%2,%3}, [%4], %6;\n}"
      : "+r"(v.w[0]), "+r"(v.w[1]), "+r"(v.w[2]), "+r"(v.w[3])
      : "l"(aligned), "r"(static_cast<u32>(wanted)), "l"(0x12F0000000000000ull));
  return v;
}

// One unit on its way. What the copy's rows hold behind `inner` elements is undefined.
struct PackUnit {
  Words4 words[Pack::runs + 1];  // one of the next run, for the last lane's neighbour
  char* out;
  int count;
  u32 offset;

  __device__ __forceinline__ void load(const Pack& pack, i64 unit) {
    const int lane = threadIdx.x % 32, parts = pack.parts(), chunks = pack.chunks();
    const i64 row = parts == 1 ? unit : unit / parts;
    const int each = (chunks + parts - 1) / parts, first = static_cast<int>(unit - row * parts) * each;
    count = min(each, chunks - first);
    const char* at = pack.from + row * pack.pitch + first * 16ll;
    offset = reinterpret_cast<u64>(at) & 15;
    at -= offset;
    const char* end = pack.from + (pack.rows - 1) * pack.pitch + pack.inner * 2ll;
    const i64 whole = (end - at) / 16;  // words
    const int last = whole <= count ? static_cast<int>(whole) - 1 : count;
    at += lane * 16;
#pragma unroll
    for (int i = 0; i <= Pack::runs; ++i)
      words[i] = read_words_once(i * 32 + lane <= last && (i < Pack::runs || lane == 0), at + i * 512);
    if (last < count) {  // the operand ends inside the next word
#pragma unroll 1
      for (int i = 0; i <= Pack::runs; ++i)
        if (i * 32 + lane == last + 1) {
          const Words4 v = read_words(at + i * 512, end);
#pragma unroll
          for (int j = 0; j <= Pack::runs; ++j)
            if (i == j) words[j] = v;
        }
    }
    out = pack.to + row * pack.copy_pitch() + (first + lane) * 16ll;
  }

  __device__ __forceinline__ void store() const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < Pack::runs; ++i) {
      Words4 next;
#pragma unroll
      for (int w = 0; w < 4; ++w)
        next.w[w] = __shfl_sync(0xffffffffu, lane == 0 ? words[i + 1].w[w] : words[i].w[w], (lane + 1) % 32);
      const Words4 v = shift_words(words[i], next, offset);
      if (i * 32 + lane < count) *reinterpret_cast<uint4*>(out + i * 512) = make_uint4(v.w[0], v.w[1], v.w[2], v.w[3]);
    }
  }
};

// A warp's units, each read while the one before is written. load(into, unit) reads one.
template <class Load>
__device__ __forceinline__ void pack_units(i64 first, i64 end, i64 step, Load load) {
  PackUnit units[2];
  if (first < end) load(units[0], first);
#pragma unroll 1
  for (i64 unit = first; unit < end; unit += 2 * step) {
    if (unit + step < end) load(units[1], unit + step);
    units[0].store();
    if (unit + step >= end) break;
    if (unit + 2 * step < end) load(units[0], unit + 2 * step);
    units[1].store();
  }
}

}  // namespace ak
