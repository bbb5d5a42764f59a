// CUDA's words for kernels that the emulator runs, in C++ without a header. table.cuh stands before it, the kernels' text behind it.
#define AK_EMULATED 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __shared__ static  // all data that an object may write is its blocks' shared memory
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __attribute__((aligned(n)))
#define __grid_constant__
#define __CUDA_ARCH__ 900
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef unsigned char uchar;

typedef ak_emulated::Index uint3;
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
extern "C" {
#pragma GCC visibility push(hidden)
extern const ak_emulated::Here ak_here;
// The table's functions, as hooks.cuh has them: reading the table here would be an access of the kernel.
void ak_atomic(const void* address, unsigned bytes, unsigned how);
int ak_block_barrier(int predicate, int line);
void ak_warp_barrier(unsigned mask, int line);
unsigned long long ak_exchange_bits(unsigned mask, unsigned long long value, int source, int line);
unsigned ak_ballot(unsigned mask, int predicate, int line);
void ak_fence(int block_only);
void ak_pause();
void ak_wait_for_previous();
void ak_trap(int line);
#pragma GCC visibility pop
}
#define threadIdx (ak_here.thread)
#define blockIdx (ak_here.block)
#define blockDim (ak_here.block_dim)
#define gridDim (ak_here.grid_dim)
constexpr int warpSize = 32;

// --- vector types
#define AK_VECTOR(type, name, bytes1, bytes2, bytes4)                                                            \
  struct name##1 { type x; };                                                                                    \
  struct __attribute__((aligned(bytes2))) name##2 { type x, y; };                                                \
  struct name##3 { type x, y, z; };                                                                              \
  struct __attribute__((aligned(bytes4))) name##4 { type x, y, z, w; };                                          \
  static inline name##1 make_##name##1(type x) { return {x}; }                                                   \
  static inline name##2 make_##name##2(type x, type y) { return {x, y}; }                                        \
  static inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }                             \
  static inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
#define AK_VECTOR_BUT_3(type, name, bytes2, bytes4)                                                              \
  struct __attribute__((aligned(bytes2))) name##2 { type x, y; };                                                \
  struct __attribute__((aligned(bytes4))) name##4 { type x, y, z, w; };                                          \
  static inline name##2 make_##name##2(type x, type y) { return {x, y}; }                                        \
  static inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
AK_VECTOR(char, char, 1, 2, 4)
AK_VECTOR(unsigned char, uchar, 1, 2, 4)
AK_VECTOR(short, short, 2, 4, 8)
AK_VECTOR(unsigned short, ushort, 2, 4, 8)
AK_VECTOR(int, int, 4, 8, 16)
AK_VECTOR_BUT_3(unsigned int, uint, 8, 16)
static inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
AK_VECTOR(float, float, 4, 8, 16)
AK_VECTOR(double, double, 8, 16, 16)
AK_VECTOR(long long, longlong, 8, 16, 16)
AK_VECTOR(unsigned long long, ulonglong, 8, 16, 16)

// --- threads that wait for each other. The line is the caller's.
#define AK_LINE int line = __builtin_LINE()
static inline void __syncthreads(AK_LINE) { ak_block_barrier(0, line); }
static inline int __syncthreads_count(int predicate, AK_LINE) { return ak_block_barrier(predicate != 0, line); }
static inline int __syncthreads_or(int predicate, AK_LINE) { return ak_block_barrier(predicate != 0, line) != 0; }
static inline int __syncthreads_and(int predicate, AK_LINE) { return ak_block_barrier(predicate == 0, line) == 0; }
static inline void __syncwarp(unsigned mask = 0xffffffffu, AK_LINE) { ak_warp_barrier(mask, line); }
static inline unsigned __activemask() { return 1u << (threadIdx.x & 31); }  // of the lanes that may run together, one does
static inline unsigned __ballot_sync(unsigned mask, int predicate, AK_LINE) {
  return ak_ballot(mask, predicate != 0, line) & mask;
}
static inline int __any_sync(unsigned mask, int predicate, AK_LINE) { return __ballot_sync(mask, predicate, line) != 0; }
static inline int __all_sync(unsigned mask, int predicate, AK_LINE) { return __ballot_sync(mask, predicate == 0, line) == 0; }

#define AK_UNSEEN __attribute__((no_sanitize("thread"), no_sanitize("bounds"), no_sanitize("alignment"), noinline)) static
template <class T>
AK_UNSEEN T ak_exchange(unsigned mask, T value, int source, int line) {
  static_assert(sizeof(T) <= 8, "a shuffle takes values of up to 8 bytes");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = ak_exchange_bits(mask, bits, source, line);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, AK_LINE) {
  const int lane = static_cast<int>(threadIdx.x & 31);
  return ak_exchange(mask, value, (lane & ~(width - 1)) | (source & (width - 1)), line);
}
template <class T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, AK_LINE) {
  const int lane = static_cast<int>(threadIdx.x & 31), source = lane - static_cast<int>(delta);
  return ak_exchange(mask, value, source < (lane & ~(width - 1)) ? lane : source, line);
}
template <class T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, AK_LINE) {
  const int lane = static_cast<int>(threadIdx.x & 31), source = lane + static_cast<int>(delta);
  return ak_exchange(mask, value, source > (lane | (width - 1)) ? lane : source, line);
}
template <class T>
static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, AK_LINE) {
  const int lane = static_cast<int>(threadIdx.x & 31), source = lane ^ bits;
  return ak_exchange(mask, value, source > (lane | (width - 1)) ? lane : source, line);
}
template <class T>
AK_UNSEEN unsigned __match_any_sync(unsigned mask, T value, AK_LINE) {
  unsigned same = 0;
  for (int lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1) {
      const T other = ak_exchange(mask, value, lane, line);
      same |= static_cast<unsigned>(__builtin_memcmp(&other, &value, sizeof value) == 0) << lane;
    }
  return same;
}
#define AK_WARP_REDUCE(name, type, expression)                                            \
  static inline type name(unsigned mask, type value, AK_LINE) {                           \
    const unsigned there = ak_ballot(mask, 1, line) & mask;                        \
    bool first = true;                                                                    \
    type all = value;                                                                     \
    for (int lane = 0; lane < 32; ++lane)                                                 \
      if (there >> lane & 1) {                                                            \
        const type other = ak_exchange(mask, value, lane, line);                          \
        all = first ? other : static_cast<type>(expression);                              \
        first = false;                                                                    \
      }                                                                                   \
    return all;                                                                           \
  }
AK_WARP_REDUCE(__reduce_add_sync, unsigned, all + other)
AK_WARP_REDUCE(__reduce_min_sync, unsigned, other < all ? other : all)
AK_WARP_REDUCE(__reduce_max_sync, unsigned, other > all ? other : all)
AK_WARP_REDUCE(__reduce_add_sync, int, all + other)
AK_WARP_REDUCE(__reduce_min_sync, int, other < all ? other : all)
AK_WARP_REDUCE(__reduce_max_sync, int, other > all ? other : all)
AK_WARP_REDUCE(__reduce_and_sync, unsigned, all & other)
AK_WARP_REDUCE(__reduce_or_sync, unsigned, all | other)
AK_WARP_REDUCE(__reduce_xor_sync, unsigned, all ^ other)

// --- memory order. load_acquire and kin stand for the functions of that name in kernels/loop.cuh.
static inline void __threadfence() { ak_fence(0); }
static inline void __threadfence_system() { ak_fence(0); }
static inline void __threadfence_block() { ak_fence(1); }
static inline void __nanosleep(unsigned) { ak_pause(); }
static inline void pause() { ak_pause(); }
static inline void wait_for_previous() { ak_wait_for_previous(); }
static inline void start_next() {}
static inline void __trap(AK_LINE) { ak_trap(line); }
#define AK_ORDERED(type)                                                          \
  AK_UNSEEN type load_acquire(const type* at) {                                   \
    ak_atomic(at, sizeof(type), ak_emulated::kRead | ak_emulated::kAcquire); \
    return *at;                                                                   \
  }                                                                               \
  AK_UNSEEN void store_release(type* at, type value) {                            \
    ak_atomic(at, sizeof(type), ak_emulated::kWrite | ak_emulated::kRelease); \
    *at = value;                                                                  \
  }
AK_ORDERED(unsigned)
AK_ORDERED(unsigned long long)

#define AK_ATOMIC(name, type, expression)                      \
  AK_UNSEEN type name(type* at, type value) {                  \
    ak_atomic(at, sizeof(type), ak_emulated::kUpdate);  \
    const type old = *at;                                      \
    *at = static_cast<type>(expression);                       \
    return old;                                                \
  }                                                            \
  static inline type name##_block(type* at, type value) { return name(at, value); } \
  static inline type name##_system(type* at, type value) { return name(at, value); }
#define AK_ATOMIC_WHOLE(name, expression) \
  AK_ATOMIC(name, int, expression)        \
  AK_ATOMIC(name, unsigned, expression)   \
  AK_ATOMIC(name, unsigned long long, expression)
AK_ATOMIC_WHOLE(atomicAdd, old + value)
AK_ATOMIC(atomicAdd, float, old + value)
AK_ATOMIC(atomicAdd, double, old + value)
AK_ATOMIC(atomicSub, int, old - value)
AK_ATOMIC(atomicSub, unsigned, old - value)
AK_ATOMIC_WHOLE(atomicExch, value)
AK_ATOMIC(atomicExch, float, value)
AK_ATOMIC_WHOLE(atomicMin, value < old ? value : old)
AK_ATOMIC(atomicMin, long long, value < old ? value : old)
AK_ATOMIC_WHOLE(atomicMax, value > old ? value : old)
AK_ATOMIC(atomicMax, long long, value > old ? value : old)
AK_ATOMIC_WHOLE(atomicAnd, old & value)
AK_ATOMIC_WHOLE(atomicOr, old | value)
AK_ATOMIC_WHOLE(atomicXor, old ^ value)
AK_ATOMIC(atomicInc, unsigned, old >= value ? 0 : old + 1)
AK_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
#define AK_COMPARE(type)                                                                      \
  AK_UNSEEN type atomicCAS(type* at, type expected, type value) {                             \
    /* One that fails only reads, so that waiting for it is no progress. */                   \
    ak_atomic(at, sizeof(type), ak_emulated::kRead);                                   \
    const type old = *at;                                                                     \
    if (old != expected) return old;                                                          \
    ak_atomic(at, sizeof(type), ak_emulated::kUpdate | ak_emulated::kSwap);                   \
    *at = value;                                                                              \
    return old;                                                                               \
  }
AK_COMPARE(int)
AK_COMPARE(unsigned)
AK_COMPARE(unsigned short)
AK_COMPARE(unsigned long long)

template <class T>
static inline T __ldg(const T* at) { return *at; }
template <class T>
static inline T __ldcg(const T* at) { return *at; }
template <class T>
static inline T __ldcs(const T* at) { return *at; }
template <class T>
static inline T __ldca(const T* at) { return *at; }
template <class T>
static inline void __stcs(T* at, T value) { *at = value; }
template <class T>
static inline void __stcg(T* at, T value) { *at = value; }

// --- numbers
#define AK_PURE static inline __attribute__((always_inline))
AK_PURE int __popc(unsigned x) { return __builtin_popcount(x); }
AK_PURE int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
AK_PURE int __ffs(int x) { return __builtin_ffs(x); }
AK_PURE int __ffsll(long long x) { return __builtin_ffsll(x); }
AK_PURE int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
AK_PURE int __clzll(long long x) { return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64; }
AK_PURE unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int bit = 0; bit < 32; ++bit) y |= (x >> bit & 1) << (31 - bit);
  return y;
}
AK_PURE int __mulhi(int a, int b) { return static_cast<int>(static_cast<long long>(a) * b >> 32); }
AK_PURE unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32); }
template <class To, class From>
AK_PURE To ak_bits(From from) {
  To to;
  static_assert(sizeof to == sizeof from, "");
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
AK_PURE int __float_as_int(float x) { return ak_bits<int>(x); }
AK_PURE unsigned __float_as_uint(float x) { return ak_bits<unsigned>(x); }
AK_PURE float __int_as_float(int x) { return ak_bits<float>(x); }
AK_PURE float __uint_as_float(unsigned x) { return ak_bits<float>(x); }
AK_PURE long long __double_as_longlong(double x) { return ak_bits<long long>(x); }
AK_PURE double __longlong_as_double(long long x) { return ak_bits<double>(x); }
AK_PURE int __float2int_rn(float x) { return static_cast<int>(__builtin_rintf(x)); }
AK_PURE int __float2int_rz(float x) { return static_cast<int>(x); }
AK_PURE int __double2int_rz(double x) { return static_cast<int>(x); }
AK_PURE float __int2float_rn(int x) { return static_cast<float>(x); }
AK_PURE float __double2float_rn(double x) { return static_cast<float>(x); }
AK_PURE long long clock64() { return 0; }
template <class... T>
AK_PURE int printf(const char*, T...) { return 0; }

#define AK_ROUNDED(prefix, suffix, type, fused, root)                             \
  AK_PURE type __##prefix##add_##suffix(type a, type b) { return a + b; }         \
  AK_PURE type __##prefix##sub_##suffix(type a, type b) { return a - b; }         \
  AK_PURE type __##prefix##mul_##suffix(type a, type b) { return a * b; }         \
  AK_PURE type __##prefix##div_##suffix(type a, type b) { return a / b; }         \
  AK_PURE type __##prefix##sqrt_##suffix(type a) { return root(a); }
AK_ROUNDED(f, rn, float, __builtin_fmaf, __builtin_sqrtf)
AK_ROUNDED(d, rn, double, __builtin_fma, __builtin_sqrt)
AK_PURE float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
AK_PURE double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
AK_PURE float __frcp_rn(float a) { return 1 / a; }
AK_PURE float __fdividef(float a, float b) { return a / b; }
AK_PURE float __frsqrt_rn(float a) { return 1 / __builtin_sqrtf(a); }
AK_PURE float rsqrtf(float a) { return 1 / __builtin_sqrtf(a); }
AK_PURE double rsqrt(double a) { return 1 / __builtin_sqrt(a); }
AK_PURE float __saturatef(float a) { return a > 0 ? (a < 1 ? a : 1) : 0; }

// Each function of the C library under its three names: f(double), ff(float) and, as C++ has it, f(float).
#define AK_MATH1(name)                                                \
  AK_PURE double name(double x) { return __builtin_##name(x); }       \
  AK_PURE float name(float x) { return __builtin_##name##f(x); }      \
  AK_PURE float name##f(float x) { return __builtin_##name##f(x); }
#define AK_MATH2(name)                                                             \
  AK_PURE double name(double x, double y) { return __builtin_##name(x, y); }       \
  AK_PURE float name(float x, float y) { return __builtin_##name##f(x, y); }       \
  AK_PURE float name##f(float x, float y) { return __builtin_##name##f(x, y); }
AK_MATH1(sqrt) AK_MATH1(cbrt) AK_MATH1(exp) AK_MATH1(exp2) AK_MATH1(expm1) AK_MATH1(log) AK_MATH1(log2) AK_MATH1(log10)
AK_MATH1(log1p) AK_MATH1(sin) AK_MATH1(cos) AK_MATH1(tan) AK_MATH1(asin) AK_MATH1(acos) AK_MATH1(atan) AK_MATH1(sinh)
AK_MATH1(cosh) AK_MATH1(tanh) AK_MATH1(asinh) AK_MATH1(acosh) AK_MATH1(atanh) AK_MATH1(floor) AK_MATH1(ceil) AK_MATH1(trunc)
AK_MATH1(round) AK_MATH1(rint) AK_MATH1(nearbyint) AK_MATH1(erf) AK_MATH1(erfc) AK_MATH1(lgamma) AK_MATH1(tgamma) AK_MATH1(fabs)
AK_MATH2(pow) AK_MATH2(fmod) AK_MATH2(atan2) AK_MATH2(hypot) AK_MATH2(fmin) AK_MATH2(fmax) AK_MATH2(fdim) AK_MATH2(copysign)
AK_MATH2(remainder) AK_MATH2(nextafter)
AK_PURE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
AK_PURE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
AK_PURE float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
AK_PURE double ldexp(double x, int e) { return __builtin_ldexp(x, e); }
AK_PURE float ldexpf(float x, int e) { return __builtin_ldexpf(x, e); }
AK_PURE long lrintf(float x) { return __builtin_lrintf(x); }
AK_PURE long lrint(double x) { return __builtin_lrint(x); }
AK_PURE long lroundf(float x) { return __builtin_lroundf(x); }
AK_PURE long lround(double x) { return __builtin_lround(x); }
AK_PURE bool isnan(double x) { return __builtin_isnan(x); }
AK_PURE bool isinf(double x) { return __builtin_isinf(x); }
AK_PURE bool isfinite(double x) { return __builtin_isfinite(x); }
AK_PURE bool signbit(double x) { return __builtin_signbit(x); }
AK_PURE float __expf(float x) { return __builtin_expf(x); }
AK_PURE float __exp10f(float x) { return __builtin_powf(10, x); }
AK_PURE float exp10f(float x) { return __builtin_powf(10, x); }
AK_PURE float __logf(float x) { return __builtin_logf(x); }
AK_PURE float __log2f(float x) { return __builtin_log2f(x); }
AK_PURE float __log10f(float x) { return __builtin_log10f(x); }
AK_PURE float __sinf(float x) { return __builtin_sinf(x); }
AK_PURE float __cosf(float x) { return __builtin_cosf(x); }
AK_PURE float __tanf(float x) { return __builtin_tanf(x); }
AK_PURE float __powf(float x, float y) { return __builtin_powf(x, y); }
AK_PURE int abs(int x) { return x < 0 ? -x : x; }
AK_PURE long long abs(long long x) { return x < 0 ? -x : x; }
AK_PURE float abs(float x) { return __builtin_fabsf(x); }
AK_PURE double abs(double x) { return __builtin_fabs(x); }
AK_PURE long long llabs(long long x) { return x < 0 ? -x : x; }
AK_PURE long labs(long x) { return x < 0 ? -x : x; }
#define AK_LEAST(type)                                                  \
  AK_PURE type min(type a, type b) { return b < a ? b : a; }            \
  AK_PURE type max(type a, type b) { return a < b ? b : a; }
AK_LEAST(int) AK_LEAST(unsigned) AK_LEAST(long) AK_LEAST(unsigned long) AK_LEAST(long long) AK_LEAST(unsigned long long)
AK_PURE float min(float a, float b) { return __builtin_fminf(a, b); }
AK_PURE float max(float a, float b) { return __builtin_fmaxf(a, b); }
AK_PURE double min(double a, double b) { return __builtin_fmin(a, b); }
AK_PURE double max(double a, double b) { return __builtin_fmax(a, b); }
AK_PURE unsigned umin(unsigned a, unsigned b) { return b < a ? b : a; }
AK_PURE unsigned umax(unsigned a, unsigned b) { return a < b ? b : a; }

// --- the list of kernels, which stands behind their text
template <int... I>
struct ak_indices {};
template <int n, int... I>
struct ak_make_indices : ak_make_indices<n - 1, n - 1, I...> {};
template <int... I>
struct ak_make_indices<0, I...> {
  typedef ak_indices<I...> type;
};
template <class T>
struct ak_is_pointer {
  enum { value = 0 };
};
template <class T>
struct ak_is_pointer<T*> {
  enum { value = 1 };
};
template <class F, F f>
struct ak_kernel;
template <class... A, void (*f)(A...)>
struct ak_kernel<void (*)(A...), f> {
  template <int... I>
  AK_UNSEEN void with(void** arguments, ak_indices<I...>) {
    f(*static_cast<A*>(arguments[I])...);
  }
  static void call(void** arguments) { with(arguments, typename ak_make_indices<sizeof...(A)>::type()); }
  static constexpr unsigned char bytes[sizeof...(A) + 1] = {sizeof(A)..., 0};
  static constexpr unsigned char pointers[sizeof...(A) + 1] = {ak_is_pointer<A>::value..., 0};
  static constexpr ak_emulated::Kernel entry(const char* name) { return {name, &call, sizeof...(A), bytes, pointers}; }
};
#define AK_KERNEL(name) ak_kernel<decltype(&name), &name>::entry(#name)
