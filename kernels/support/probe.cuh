// Making inputs, poisoning outputs, and looking at what a kernel left behind. Types are ak::DType, passed at run time: these
// kernels are bound by memory.
#pragma once

#include "kernels/args.cuh"
#include "kernels/support/probe_args.cuh"
#include "kernels/types.cuh"

namespace ak::probe {

__device__ __forceinline__ u64 mix(u64 x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

__device__ __forceinline__ float load(const void* p, i64 i, int type) {
  if (type == F32) return static_cast<const float*>(p)[i];
  const u16 v = static_cast<const u16*>(p)[i];
  return type == BF16 ? to_float<BF16>(v) : to_float<F16>(v);
}

__device__ __forceinline__ void store(void* p, i64 i, int type, float value) {
  if (type == F32)
    static_cast<float*>(p)[i] = value;
  else
    static_cast<u16*>(p)[i] = type == BF16 ? from_float<BF16>(value) : from_float<F16>(value);
}

// A NaN whose payload depends on the place, so that moved poison is no poison.
__device__ __forceinline__ u32 poison(u64 seed, i64 i, int type) {
  const u32 h = static_cast<u32>(mix(seed ^ static_cast<u64>(i)));
  if (type == F32) return 0x7f800001u | (h & 0x807ffffeu);
  if (type == BF16) return (0x7f81u | (h & 0x807eu));
  return (0x7c01u | (h & 0x83feu));
}

__device__ __forceinline__ u32 bits(const void* p, i64 i, int type) {
  return type == F32 ? static_cast<const u32*>(p)[i] : static_cast<const u16*>(p)[i];
}

__device__ __forceinline__ i64 thread() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ i64 threads() { return static_cast<i64>(gridDim.x) * blockDim.x; }

}  // namespace ak::probe

namespace ak::probe {

// Where some activation's expression changes: 0, hard_swish's 3 and its 0..6 clamp, mish's 30, where exp leaves f32 and 16-bit
// outputs leave their normal range; and large ones. A few steps of the type to either side.
__device__ inline float branch(u64 h, int type) {
  constexpr float kPoints[] = {0, 0, 1, 3, 6, 30, 8, 9.75f, 16.625f, 88, 104, 0.0009765625f, 1e-5f, 300, 1e4f, 6e4f};
  const float step = type == BF16 ? 0x1p-7f : type == F16 ? 0x1p-10f : 0x1p-23f;
  const float point = kPoints[h % 16] * (1.0f + step * static_cast<float>(static_cast<int>(h >> 8 & 3) - 2));
  return h >> 16 & 1 ? -point : point;
}

// Of a row of A. What stands alone in it decides what the row of D is.
__device__ inline float extreme_a(u64 h, i64 m, i64 k, i64 depth) {
  if (m % depth != k) return h & 1 ? -0.0f : 0.0f;
  return m % 64 == 34 ? __uint_as_float(0x7f800000u) : m % 64 == 50 ? __uint_as_float(0x7fc00000u) : m % 4 == 1 ? 256.0f : 1.0f;
}

enum ColumnKind { kOrdinary, kLarge, kDenormal, kZero, kInfinite, kNoNumber };
__device__ inline ColumnKind column_kind(i64 n) {
  if (n % 64 == 22) return kNoNumber;
  if (n % 64 == 44) return kInfinite;
  return n % 8 == 1 ? kLarge : n % 8 == 3 ? kDenormal : n % 8 == 5 ? kZero : kOrdinary;
}
// The same for all that meets in a column, whatever the seed.
__device__ inline float column_sign(i64 n) { return mix(static_cast<u64>(n)) & 1 ? -1.0f : 1.0f; }

__device__ inline float extreme_b(u64 h, i64 n, i64 k, i64 depth, int type) {
  const float sign = h >> 16 & 1 ? -1.0f : 1.0f, ordinary = sign * (h >> 17 & 1 ? 2.0f : 0.5f);
  switch (column_kind(n)) {
    case kLarge:
      return column_sign(n) * 300.0f;
    case kDenormal:
      return type == F16 ? sign * static_cast<float>(h % 1023 + 1) * 0x1p-24f
                         : sign * static_cast<float>(h % 127 + 1) * 0x1p-133f;
    case kZero:
      return sign * 0.0f;
    case kInfinite:
      return n / 64 % depth == k ? (n / 64 % 2 ? -1.0f : 1.0f) * __uint_as_float(0x7f800000u) : ordinary;
    case kNoNumber:
      return n / 64 % depth == k ? __uint_as_float(0x7fc00000u) : ordinary;
    default:
      return ordinary;
  }
}

// Beside a denormal or a zero nothing but zeros, which would hide it.
__device__ inline float extreme_term(u64 h, i64 n) {
  const ColumnKind kind = column_kind(n);
  const float sign = h >> 16 & 1 ? -1.0f : 1.0f;
  if (kind == kDenormal || kind == kZero) return sign * 0.0f;
  if (h % 512 < 2) return h & 1 ? __uint_as_float(0x7fc00000u) : sign * __uint_as_float(0x7f800000u);
  return kind == kLarge ? column_sign(n) * -30000.0f : sign * static_cast<float>(h >> 20 & 3);
}

__device__ inline float value_of(int kind, u64 h, i64 r, i64 c, i64 rows, i64 cols, int type) {
  constexpr float kPowers[] = {1, 1, 1, 1, 0.5f, 2, -1, -0.5f};
  switch (kind) {
    case kFillNormal: {
      const float u = (static_cast<u32>(h) + 0.5f) * 2.3283064e-10f, v = static_cast<u32>(h >> 32) * 2.3283064e-10f;
      return sqrtf(-2.0f * __logf(fminf(u, 0.9999999f))) * __cosf(6.2831853f * v);
    }
    case kFillIntegers:
      return static_cast<float>(static_cast<int>(h % 3) - 1);
    case kFillPowers:
      return kPowers[h % 8];
    case kFillBranches:
      return branch(h, type);
    case kFillUnitRows:
      return r % cols == c ? 1.0f : 0.0f;
    case kFillUnitColumns:
      return c % rows == r ? 1.0f : 0.0f;
    case kFillExtremeARows:
      return extreme_a(h, r, c, cols);
    case kFillExtremeAColumns:
      return extreme_a(h, c, r, rows);
    case kFillExtremeBRows:
      return extreme_b(h, r, c, cols, type);
    case kFillExtremeBColumns:
      return extreme_b(h, c, r, rows, type);
    case kFillExtremeTerms:
      return extreme_term(h, c);
    case kFillExtremeRowTerms:
      return c % 4 == 1 ? -20000.0f : h & 1 ? -0.0f : 0.0f;
    default:
      return 0.0f;
  }
}

}  // namespace ak::probe

// p[r * ld + c] = scale * a value of the kind (Fill). Depends on seed, r and c only.
extern "C" __global__ void ak_fill(void* p, long long rows, long long cols, long long ld, int type, int kind, float scale,
                                   unsigned long long seed) {
  using namespace ak::probe;
  for (long long r = blockIdx.y; r < rows; r += gridDim.y)
    for (long long c = thread(); c < cols; c += threads()) {
      const ak::u64 h = mix(mix(seed + static_cast<ak::u64>(r)) ^ static_cast<ak::u64>(c));
      const float value = scale * value_of(kind, h, r, c, rows, cols, type);
      // No infinity by chance: others multiply it by 0.
      const bool clamps = type == ak::F16 && ak::is_finite(value);
      store(p, r * ld + c, type, clamps ? fminf(fmaxf(value, -65504.0f), 65504.0f) : value);
    }
}

extern "C" __global__ void ak_poison(void* p, long long count, int type, unsigned long long seed) {
  using namespace ak::probe;
  for (long long i = thread(); i < count; i += threads()) {
    if (type == ak::F32)
      static_cast<ak::u32*>(p)[i] = poison(seed, i, type);
    else
      static_cast<ak::u16*>(p)[i] = static_cast<ak::u16>(poison(seed, i, type));
  }
}

// Counts in *broken the elements of the strided region first + r * ld + c that no longer hold ak_poison's pattern.
extern "C" __global__ void ak_check_poison(const void* p, long long first, long long rows, long long cols, long long ld,
                                           int type, unsigned long long seed, unsigned long long* broken) {
  using namespace ak::probe;
  ak::u32 mine = 0;
  for (long long r = blockIdx.y; r < rows; r += gridDim.y)
    for (long long c = thread(); c < cols; c += threads()) {
      const long long i = first + r * ld + c;
      mine += bits(p, i, type) != poison(seed, i, type);
    }
  if (mine) atomicAdd(broken, static_cast<unsigned long long>(mine));
}

// Adds a hash of every 16-byte block and its place to *sum; order does not matter.
extern "C" __global__ void ak_hash(const uint4* p, long long blocks, unsigned long long* sum) {
  using namespace ak::probe;
  ak::u64 mine = 0;
  for (long long i = thread(); i < blocks; i += threads()) {
    const uint4 v = p[i];
    mine +=
        mix(mix((static_cast<ak::u64>(v.x) << 32 | v.y) ^ static_cast<ak::u64>(i)) + (static_cast<ak::u64>(v.z) << 32 | v.w));
  }
  for (int d = 16; d; d /= 2) mine += __shfl_xor_sync(~0u, mine, d);
  if (threadIdx.x % 32 == 0) atomicAdd(sum, static_cast<unsigned long long>(mine));
}

// Counts in *different the 16-byte blocks in which a and b differ.
extern "C" __global__ void ak_equal(const uint4* a, const uint4* b, long long blocks, unsigned long long* different) {
  using namespace ak::probe;
  ak::u32 mine = 0;
  for (long long i = thread(); i < blocks; i += threads()) {
    const uint4 x = a[i], y = b[i];
    mine += x.x != y.x || x.y != y.y || x.z != y.z || x.w != y.w;
  }
  if (mine) atomicAdd(different, static_cast<unsigned long long>(mine));
}

// Each SM's cycle counter and the time, for the clock between two such looks: out[2 * sm], out[2 * sm + 1].
extern "C" __global__ void ak_clocks(unsigned long long* out) {
  unsigned int sm;
  unsigned long long cycles, nanoseconds;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  asm volatile("mov.u64 %0, %%clock64;" : "=l"(cycles));
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(nanoseconds));
  out[2 * sm] = cycles;
  out[2 * sm + 1] = nanoseconds;
}
