// What the kernels of loops may use; it comes before each kernel's text. Everything lies in namespace ak, so that no name of a
// user's function hides it; names that end in an underscore are the templates' own. A block has a multiple of 32 threads, and a
// grid one dimension.
//
// The values T that are shuffled, reduced and scanned are numbers or trivial structs of any multiple of 4 bytes. An operator is
// an associative functor `T operator()(T earlier, T later)` with `T identity()`; it need not commute: operands are combined in
// the order of lanes, warps and tiles, and with the same association at every run, so that results of floats repeat to the bit.
// `room` is shared memory for kRoom values of the call's own type. A function of a block or a warp is called by all its threads
// alike, and gives all of them the same result unless it says otherwise; room may be used again at once after it.
#pragma once

#pragma nv_diag_suppress 177  // declared but never referenced: no kernel needs all of this, nor a loop's variable always

namespace ak {

constexpr int kRoom = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

__device__ inline unsigned lane() { return threadIdx.x % 32; }
__device__ inline unsigned warp() { return threadIdx.x / 32; }
__device__ inline unsigned warps() { return blockDim.x / 32; }
/// This thread among all of the grid, and how many there are.
__device__ inline long long thread() { return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline long long threads() { return static_cast<long long>(gridDim.x) * blockDim.x; }

// ---- Order between blocks and kernels. The emulator (AK_EMULATED) has its own of what is PTX here.

#ifdef AK_EMULATED
using ::load_acquire;
using ::pause;
using ::start_next;
using ::store_release;
using ::wait_for_previous;
__device__ inline unsigned fetch_add(unsigned* address, unsigned value) {
  __threadfence();
  const unsigned before = atomicAdd(address, value);
  __threadfence();
  return before;
}
__device__ inline unsigned long long load_relaxed(const unsigned long long* address) {
  return *static_cast<const volatile unsigned long long*>(address);
}
__device__ inline void store_relaxed(unsigned long long* address, unsigned long long value) {
  *static_cast<volatile unsigned long long*>(address) = value;
}
__device__ inline void prefetch(const void*) {}
#else

/// Reads and writes after it come after what the writer of the value wrote before its store_release.
__device__ inline unsigned load_acquire(const unsigned* address) {
  unsigned value;
  asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  return value;
}
__device__ inline unsigned long long load_acquire(const unsigned long long* address) {
  unsigned long long value;
  asm volatile("ld.acquire.gpu.u64 %0, [%1];" : "=l"(value) : "l"(address) : "memory");
  return value;
}
__device__ inline void store_release(unsigned* address, unsigned value) {
  asm volatile("st.release.gpu.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}
__device__ inline void store_release(unsigned long long* address, unsigned long long value) {
  asm volatile("st.release.gpu.u64 [%0], %1;" ::"l"(address), "l"(value) : "memory");
}
/// A whole word, seen by all blocks sooner or later, and nothing of what was written before it.
__device__ inline unsigned long long load_relaxed(const unsigned long long* address) {
  unsigned long long value;
  asm volatile("ld.relaxed.gpu.u64 %0, [%1];" : "=l"(value) : "l"(address) : "memory");
  return value;
}
__device__ inline void store_relaxed(unsigned long long* address, unsigned long long value) {
  asm volatile("st.relaxed.gpu.u64 [%0], %1;" ::"l"(address), "l"(value) : "memory");
}
/// Adds, gives the value before, and is both an acquire and a release.
__device__ inline unsigned fetch_add(unsigned* address, unsigned value) {
  unsigned before;
  asm volatile("atom.acq_rel.gpu.add.u32 %0, [%1], %2;" : "=r"(before) : "l"(address), "r"(value) : "memory");
  return before;
}

/// Into the nearest cache, a hint. The address lies in an array.
__device__ inline void prefetch(const void* address) { asm volatile("prefetch.global.L1 [%0];" ::"l"(address)); }

/// Until the kernels before this one in the stream have ended: every thread of a `dependent` launch, before it touches memory.
__device__ inline void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// The next launch may start when all blocks have come here and there is room.
__device__ inline void start_next() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// Between two looks at what another block is to write.
__device__ inline void pause() { __nanosleep(20); }

#endif

/// One thread waits; what never comes ends in a trap after some seconds. `ready` loads with load_acquire.
template <class Ready>
__device__ inline void wait_until(Ready ready) {
  for (unsigned step = 0; !ready(); ++step) {
    if (step == 1u << 22) __trap();
    pause();
  }
}

// ---- Real numbers to integers, as the host's processor has them (x86-64): the least integer where the number has none.

template <class T>
__device__ inline int to_i32(T x) {
  return x > T(-2147483649.0) && x < T(2147483648.0) ? static_cast<int>(x) : -2147483647 - 1;
}
template <class T>
__device__ inline long long to_i64(T x) {
  constexpr T kMost = T(9223372036854775808.0);
  return x >= -kMost && x < kMost ? static_cast<long long>(x) : -9223372036854775807LL - 1;
}

// ---- An array as one of another type.

template <class A, class B>
struct Same {
  static constexpr bool kIs = false;
};
template <class A>
struct Same<A, A> {
  static constexpr bool kIs = true;
};
template <class T, class... Of>
constexpr bool kOneOf = (Same<T, Of>::kIs || ...);
template <class T>
constexpr bool kNumber =
    kOneOf<T, char, signed char, unsigned char, short, unsigned short, int, unsigned, long, unsigned long, long long,
           unsigned long long, float, double, char2, char4, uchar2, uchar4, short2, short4, ushort2, ushort4, int2, int4, uint2,
           uint4, float2, float4, double2, longlong2, ulonglong2>;

/// as<float4>(a): what lies there, read and written in other pieces or as other bits, where a is aligned for them. From an array
/// of numbers or of vectors alone, so that no bits become an address.
template <class To, class From>
__device__ inline To* as(From* from) {
  static_assert(kNumber<From>, "as<To>() takes an array of numbers");
  return reinterpret_cast<To*>(from);
}
template <class To, class From>
__device__ inline const To* as(const From* from) {
  static_assert(kNumber<From>, "as<To>() takes an array of numbers");
  return reinterpret_cast<const To*>(from);
}

// ---- 16 bytes at once.

template <class T>
struct alignas(16) Pack {
  static constexpr int kCount = 16 / sizeof(T);
  T at[kCount];
};

__device__ inline bool aligned16(const void* address) { return reinterpret_cast<unsigned long long>(address) % 16 == 0; }

/// kCount elements from an aligned16 address.
template <class T>
__device__ inline Pack<T> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T>*>(from);
}
template <class T>
__device__ inline void store_pack(T* to, const Pack<T>& pack) {
  *reinterpret_cast<Pack<T>*>(to) = pack;
}

/// How many elements lie before the first aligned16 address.
template <class T>
__device__ inline long long until_aligned16(const T* address) {
  return -reinterpret_cast<unsigned long long>(address) % 16 / sizeof(T);
}
/// The same to and from elements of an array of the thread's own, of which the first is `first`.
template <class T, int N>
__device__ inline void load16(T (&to)[N], int first, const T* from) {
  const Pack<T> pack = load_pack(from);
#pragma unroll
  for (int i = 0; i < Pack<T>::kCount; ++i) to[first + i] = pack.at[i];
}
template <class T, int N>
__device__ inline void store16(T* to, const T (&from)[N], int first) {
  Pack<T> pack;
#pragma unroll
  for (int i = 0; i < Pack<T>::kCount; ++i) pack.at[i] = from[first + i];
  store_pack(to, pack);
}

// ---- Warps.

template <class T>
union Words {
  static_assert(sizeof(T) % 4 == 0, "a multiple of 4 bytes");
  T value;
  unsigned word[sizeof(T) / 4];
};

template <class T, class Move>
__device__ inline T each_word(T value, Move move) {
  Words<T> words;
  words.value = value;
#pragma unroll
  for (unsigned i = 0; i < sizeof(T) / 4; ++i) words.word[i] = move(words.word[i]);
  return words.value;
}

/// Of the lane `from`.
template <class T>
__device__ inline T shuffle(T value, unsigned from) {
  return each_word(value, [=](unsigned word) { return __shfl_sync(kAllLanes, word, from); });
}
/// Of the lane `by` below; the lowest ones get their own.
template <class T>
__device__ inline T shuffle_up(T value, unsigned by) {
  return each_word(value, [=](unsigned word) { return __shfl_up_sync(kAllLanes, word, by); });
}
/// Of the lane `by` above; the highest ones get their own.
template <class T>
__device__ inline T shuffle_down(T value, unsigned by) {
  return each_word(value, [=](unsigned word) { return __shfl_down_sync(kAllLanes, word, by); });
}

/// Writes a number where another one stands: what nobody has changed is not touched.
template <class T>
__device__ inline void put(T* to, T value) {
  Words<T> there, now;
  there.value = *to, now.value = value;
  bool differs = false;
#pragma unroll
  for (unsigned i = 0; i < sizeof(T) / 4; ++i) differs = differs || there.word[i] != now.word[i];
  if (differs) *to = value;
}

/// What comes before this thread's value, and all values of the warp or block together.
template <class T>
struct Scanned {
  T before, total;
};

template <class T, class Op>
__device__ inline T warp_reduce(T value, Op op) {
#pragma unroll
  for (unsigned by = 1; by < 32; by *= 2) value = op(value, shuffle_down(value, by));  // lane 0's operands never leave the warp
  return shuffle(value, 0);
}

template <class T, class Op>
__device__ inline Scanned<T> warp_scan(T value, Op op) {
#pragma unroll
  for (unsigned by = 1; by < 32; by *= 2) {
    const T earlier = shuffle_up(value, by);
    if (lane() >= by) value = op(earlier, value);
  }
  const T before = shuffle_up(value, 1);
  return {lane() == 0 ? op.identity() : before, shuffle(value, 31)};
}

/// How many lanes below this one wish so, and how many in all.
__device__ inline Scanned<unsigned> warp_rank(bool wish) {
  const unsigned wishes = __ballot_sync(kAllLanes, wish);
  return {static_cast<unsigned>(__popc(wishes & ((1u << lane()) - 1))), static_cast<unsigned>(__popc(wishes))};
}

// ---- Operators. Minima and maxima are C's `later < earlier ? later : earlier`: of equals the earlier stays, and what is not a
// number takes no part after an identity.

template <class T>
__device__ inline T largest();
template <>
__device__ inline int largest() {
  return 2147483647;
}
template <>
__device__ inline long long largest() {
  return 9223372036854775807LL;
}
template <>
__device__ inline unsigned largest() {
  return ~0u;
}
template <>
__device__ inline unsigned long long largest() {
  return ~0ull;
}
template <>
__device__ inline float largest() {
  Words<float> infinity;
  infinity.word[0] = 0x7f800000;
  return infinity.value;
}
template <>
__device__ inline double largest() {
  Words<double> infinity;
  infinity.word[0] = 0;
  infinity.word[1] = 0x7ff00000;
  return infinity.value;
}

/// The last D of what was set, the latest first.
template <class T, int D = 1>
struct Held {
  T value[D];
  int set;  // so many of them are; at most D
  __device__ T latest(int i, const T (&first)[D]) const {  // `first`: what was there before
    T found = value[i];
#pragma unroll
    for (int k = 0; k <= i; ++k)
      if (set == i - k) found = first[k];
    return found;
  }
};
template <class T, int D = 1>
struct Hold {
  __device__ Held<T, D> operator()(Held<T, D> a, Held<T, D> b) const {
    Held<T, D> both;
#pragma unroll
    for (int i = 0; i < D; ++i) both.value[i] = b.latest(i, a.value);
    both.set = a.set + b.set < D ? a.set + b.set : D;
    return both;
  }
  __device__ Held<T, D> identity() const { return {}; }
};

// Sums and products whose parts associate otherwise than in C: integers overflow on the way to what fits, and wrap.
template <class T>
__device__ inline T plus(T a, T b) {
  return a + b;
}
__device__ inline int plus(int a, int b) { return static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b)); }
__device__ inline long long plus(long long a, long long b) {
  return static_cast<long long>(static_cast<unsigned long long>(a) + static_cast<unsigned long long>(b));
}
template <class T>
__device__ inline T times(T a, T b) {
  return a * b;
}
__device__ inline int times(int a, int b) { return static_cast<int>(static_cast<unsigned>(a) * static_cast<unsigned>(b)); }
__device__ inline long long times(long long a, long long b) {
  return static_cast<long long>(static_cast<unsigned long long>(a) * static_cast<unsigned long long>(b));
}

template <class T>
struct Add {
  __device__ T operator()(T a, T b) const { return plus(a, b); }
  __device__ T identity() const { return static_cast<T>(-0.0); }  // of floats, 0 would make a 0 of -0
};
template <class T>
struct Multiply {
  __device__ T operator()(T a, T b) const { return times(a, b); }
  __device__ T identity() const { return 1; }
};
template <class T>
struct Min {
  __device__ T operator()(T a, T b) const { return b < a ? b : a; }
  __device__ T identity() const { return largest<T>(); }
};
template <class T>
struct Max {
  __device__ T operator()(T a, T b) const { return b > a ? b : a; }
  __device__ T identity() const { return -largest<T>() - (T(1) / 2 == 0); }  // of integers one less
};
/// Of equals the later one, `later <= earlier ? later : earlier`: of two zeros that is another.
template <class T>
struct LastMin : Min<T> {
  __device__ T operator()(T a, T b) const { return b <= a ? b : a; }
};
template <class T>
struct LastMax : Max<T> {
  __device__ T operator()(T a, T b) const { return b >= a ? b : a; }
};
template <class T>
struct And {
  __device__ T operator()(T a, T b) const { return a & b; }
  __device__ T identity() const { return ~T(0); }
};
template <class T>
struct Or {
  __device__ T operator()(T a, T b) const { return a | b; }
  __device__ T identity() const { return 0; }
};
template <class T>
struct Xor {
  __device__ T operator()(T a, T b) const { return a ^ b; }
  __device__ T identity() const { return 0; }
};

/// A real factor of -0 forgets what came before, though it be no number; no product comes to be one.
template <class T>
__device__ inline bool forgets(T) {
  return false;
}
template <>
__device__ inline bool forgets(float m) {
  return __float_as_int(m) == -2147483647 - 1;
}
template <>
__device__ inline bool forgets(double m) {
  return __double_as_longlong(m) == -9223372036854775807LL - 1;
}
/// A loop's own factor, of which no product is infinite but those that overflow: an infinite one is no number.
template <class T>
__device__ inline T factor(T m) {
  return m == 0 ? T(0) : m + (m - m);
}
/// m x for a factor. One that overflowed is made of finite ones, each of which leaves 0 as it is.
template <class T>
__device__ inline T scaled(T m, T x) {
  return times(m, x);
}
template <>
__device__ inline float scaled(float m, float x) {
  return x == 0 && m == m && m - m != 0 ? x : m * x;
}
template <>
__device__ inline double scaled(double m, double x) {
  return x == 0 && m == m && m - m != 0 ? x : m * x;
}
/// m n of factors, which forgets where one of them does; a sum of such products forgets where all do.
template <class T>
__device__ inline T product(T m, T n) {
  const T both = plus(m == 0 ? scaled(n, m) : scaled(m, n), T(0));  // of -0 that is 0
  return forgets(m) | forgets(n) ? T(-0.0) : both;
}
/// A sum of products of factors. Two that overflowed are no less so together.
template <class T>
__device__ inline T added(T m, T n) {
  const T both = plus(m, n);
  return both != both && m == m && n == n ? m : both;
}
/// m x of a value. What a factor that overflowed makes of one that is not 0 is no number: it may be an infinity or none in C.
template <class T>
__device__ inline T applied(T m, T x) {
  return x == 0 || m - m == 0 ? scaled(m, x) : m - m;
}
/// The same; what is forgotten changes no sum.
template <class T>
__device__ inline T weighted(T m, T x) {
  return forgets(m) ? T(-0.0) : applied(m, x);
}

/// One value of D ones: x -> m[0] x[0] + ... + c.
template <class T, int D = 1>
struct Row {
  T m[D], c;
  __device__ T operator()(const T (&x)[D]) const {
    T sum = c;
#pragma unroll
    for (int k = 0; k < D; ++k)
      sum = forgets(m[k]) ? sum : plus(applied(m[k], x[k]), sum);
    return sum;
  }
};
/// D values that go from iteration to iteration, each made of all.
template <class T, int D = 1>
struct Affine {
  Row<T, D> row[D];
  __device__ T operator()(T x) const {
    static_assert(D == 1, "of one value");
    return row[0]({x});
  }
};
template <class T, int D = 1>
struct Compose {
  __device__ Affine<T, D> operator()(const Affine<T, D>& a, const Affine<T, D>& b) const {
    Affine<T, D> both;
    T before[D];
#pragma unroll
    for (int i = 0; i < D; ++i) before[i] = a.row[i].c;
#pragma unroll
    for (int i = 0; i < D; ++i) {
      both.row[i].c = b.row[i](before);
#pragma unroll
      for (int j = 0; j < D; ++j) {
        T sum = T(-0.0);
#pragma unroll
        for (int k = 0; k < D; ++k) sum = added(sum, product(b.row[i].m[k], a.row[k].m[j]));
        both.row[i].m[j] = sum;
      }
    }
    return both;
  }
  __device__ Affine<T, D> identity() const {
    Affine<T, D> same;
#pragma unroll
    for (int i = 0; i < D; ++i) {
#pragma unroll
      for (int j = 0; j < D; ++j) same.row[i].m[j] = i == j ? T(1) : T(-0.0);
      same.row[i].c = 0;
    }
    return same;
  }
};

// ---- Blocks.

template <class T, class Op>
__device__ inline T block_reduce(T value, Op op, T* room) {
  value = warp_reduce(value, op);
  if (lane() == 0) room[warp()] = value;
  __syncthreads();
  value = lane() < warps() ? room[lane()] : op.identity();
  __syncthreads();
  return warp_reduce(value, op);
}

/// For a warp's scan of its own values, `mine`: the same over the block. The `before` differs between threads.
template <class T, class Op>
__device__ inline Scanned<T> across_warps(Scanned<T> mine, Op op, T* room) {
  if (lane() == 0) room[warp()] = mine.total;
  __syncthreads();
  const Scanned<T> all = warp_scan(lane() < warps() ? room[lane()] : op.identity(), op);
  __syncthreads();
  return {op(shuffle(all.before, warp()), mine.before), all.total};
}

/// Exclusive; the inclusive one is op(before, value).
template <class T, class Op>
__device__ inline Scanned<T> block_scan(T value, Op op, T* room) {
  return across_warps(warp_scan(value, op), op, room);
}

/// warp_rank over the block.
__device__ inline Scanned<unsigned> block_rank(bool wish, unsigned* room) {
  return across_warps(warp_rank(wish), Add<unsigned>(), room);
}

/// The value of one thread, `from`, for all.
template <class T>
__device__ inline T block_broadcast(T value, unsigned from, T* room) {
  if (threadIdx.x == from) room[0] = value;
  __syncthreads();
  value = room[0];
  __syncthreads();
  return value;
}

// ---- Elements that many threads meet in, with results that do not depend on who comes first.

__device__ inline int bits_of(float value) { return __float_as_int(value); }
__device__ inline long long bits_of(double value) { return __double_as_longlong(value); }
__device__ inline float real_of(unsigned bits) { return __int_as_float(static_cast<int>(bits)); }
__device__ inline double real_of(unsigned long long bits) { return __longlong_as_double(static_cast<long long>(bits)); }

/// Extrema. Of several zeros C keeps the first or the last one: all values go to note_zero() before, the one that stays with the
/// highest place, below kLast. `zero` is 0 before.
constexpr long long kLast = 1LL << 61;
template <class T>
__device__ inline void note_zero(long long* zero, T value, long long place) {
  if (value == 0) atomicMax(zero, 2 * place + (bits_of(value) < 0));
}

template <class T, class Word>
__device__ inline void exchange_if_beyond(Word* at, T value, bool upwards, long long zero, bool last) {
  if (value == 0) value = zero % 2 ? T(-0.0) : T(0);
  for (Word old = atomicCAS(at, Word(0), Word(0));;) {
    const T there = real_of(old);
    const bool equals = last && value == there && old != static_cast<Word>(bits_of(value));
    if (!(upwards ? value > there : value < there) && !equals) return;
    const Word seen = atomicCAS(at, old, static_cast<Word>(bits_of(value)));
    if (seen == old) return;
    old = seen;
  }
}
/// What is not a number neither goes in nor out. `zero`: as note_zero() has left it; `last`: of equals the later one stays.
__device__ inline void atomic_max(float* at, float value, long long zero, bool last) {
  exchange_if_beyond(reinterpret_cast<unsigned*>(at), value, true, zero, last);
}
__device__ inline void atomic_min(float* at, float value, long long zero, bool last) {
  exchange_if_beyond(reinterpret_cast<unsigned*>(at), value, false, zero, last);
}
__device__ inline void atomic_max(double* at, double value, long long zero, bool last) {
  exchange_if_beyond(reinterpret_cast<unsigned long long*>(at), value, true, zero, last);
}
__device__ inline void atomic_min(double* at, double value, long long zero, bool last) {
  exchange_if_beyond(reinterpret_cast<unsigned long long*>(at), value, false, zero, last);
}

/// A sum of reals as one of integers, in two words: the largest magnitude decides on their unit. First all terms go to peak(),
/// then all to add(); then total() is what they sum up to. Both words of a `sum` and the `peak` are zero before.
struct Fixed {
  int terms;  // so many bits has the number of terms

  __device__ static void peak(int* peak, float term) { atomicMax(peak, bits_of(fabsf(term))); }
  __device__ static void peak(long long* peak, double term) { atomicMax(peak, bits_of(fabs(term))); }
  __device__ static bool finite(int peak) { return peak < 0x7f800000; }
  __device__ static bool finite(long long peak) { return peak < 0x7ff0000000000000LL; }
  /// Bits that fit below a term's magnitude in the first word.
  __device__ int shift(int peak) const { return 62 - terms - ((peak >> 23) - 126); }
  __device__ int shift(long long peak) const { return 62 - terms - (static_cast<int>(peak >> 52) - 1022); }

  __device__ void add(long long* sum, int shift, double term) const {
    const double scaled = ldexp(term, shift), whole = rint(scaled);
    unsigned long long* words = reinterpret_cast<unsigned long long*>(sum);
    atomicAdd(words, static_cast<unsigned long long>(static_cast<long long>(whole)));
    const double rest = rint(ldexp(scaled - whole, 62 - terms));
    if (rest != 0) atomicAdd(words + 1, static_cast<unsigned long long>(static_cast<long long>(rest)));
  }
  __device__ double total(const long long* sum, int shift) const {
    return ldexp(static_cast<double>(sum[0]), -shift) + ldexp(static_cast<double>(sum[1]), terms - 62 - shift);
  }
};

// ---- Grids. What they count with is zeroed before every call.

/// A number for this block, rising from 0 in the order in which blocks start: waiting for lower ones is safe.
__device__ inline unsigned take_ticket(unsigned* tickets, unsigned* room) {
  return block_broadcast(threadIdx.x == 0 ? fetch_add(tickets, 1) : 0, 0, room);
}

/// Whether all other blocks have come here too; it sees what they wrote before.
__device__ inline bool is_last_block(unsigned* counter, unsigned* room) {
  __syncthreads();
  return block_broadcast(threadIdx.x == 0 ? fetch_add(counter, 1) : 0, 0, room) == gridDim.x - 1;
}

/// All blocks, which must be resident at once, wait for each other: `times` is 1 at a kernel's first barrier, then 2, ...
__device__ inline void grid_barrier(unsigned* counter, unsigned times) {
  __syncthreads();
  if (threadIdx.x == 0) {
    fetch_add(counter, 1);
    wait_until([=] { return load_acquire(counter) >= times * gridDim.x; });
  }
  __syncthreads();
}

/// All tiles before `tile` together: the single-pass scan across blocks, each of which has one tile (its ticket) and brings the
/// tile's `total`. Tiles form groups of as many as a block has threads. A tile waits for the totals of those before it in its
/// group and for the sum of each group before its own, which the group's last tile leaves: neither comes from a tile that waits
/// for more than its own group, so no chain of waits grows with the number of tiles, and the association is fixed.
/// `read(at)` waits for what `write(at, value)` leaves: of a tile at 2 tile, of the group that it ends at 2 tile + 1.
template <class T, class Op, class Read, class Write>
__device__ inline T before_tile_of(unsigned tile, T total, Op op, Read read, Write write, T* room) {
  if (threadIdx.x == 0) write(2ull * tile, total);
  const unsigned place = tile % blockDim.x, group = tile / blockDim.x, first = tile - place;
  T mine = op.identity();
  if (threadIdx.x < place) mine = read(2ull * (first + threadIdx.x));
  const T within = block_reduce(mine, op, room);
  if (threadIdx.x == 0 && place == blockDim.x - 1) write(2ull * tile + 1, op(within, total));
  if (group == 0) return within;
  const unsigned each = (group + blockDim.x - 1) / blockDim.x, from = threadIdx.x * each;
  mine = op.identity();
  for (unsigned i = from; i < group && i < from + each; ++i) mine = op(mine, read(2ull * ((i + 1) * blockDim.x - 1) + 1));
  return op(block_reduce(mine, op, room), within);
}

/// Scratch: `flags` of as many unsigned as there are tiles, zeroed, and `values` of twice as many T.
template <class T, class Op>
__device__ inline T before_tile(unsigned tile, T total, Op op, unsigned* flags, T* values, T* room) {
  return before_tile_of(
      tile, total, op,
      [=](unsigned long long at) {
        wait_until([=] { return load_acquire(flags + at / 2) > at % 2; });
        return values[at];
      },
      [=](unsigned long long at, T value) {
        values[at] = value;
        store_release(flags + at / 2, at % 2 + 1);
      },
      room);
}

/// Of values of 4 bytes, in `words` of twice as many as there are tiles, zeroed: one store leaves a value and that it is there.
template <class T, class Op>
__device__ inline T before_tile(unsigned tile, T total, Op op, unsigned long long* words, T* room) {
  static_assert(sizeof(T) == 4, "a value and its flag make one word");
  return before_tile_of(
      tile, total, op,
      [=](unsigned long long at) {
        unsigned long long word = 0;
        wait_until([&] { return (word = load_relaxed(words + at)) != 0; });
        Words<T> value;
        value.word[0] = static_cast<unsigned>(word);
        return value.value;
      },
      [=](unsigned long long at, T value) {
        Words<T> bits;
        bits.value = value;
        store_relaxed(words + at, 1ull << 32 | bits.word[0]);
      },
      room);
}

/// The same where an earlier launch has left every tile's total in `totals`.
template <class T, class Op>
__device__ inline T before_tile(unsigned tile, const T* totals, Op op, T* room) {
  const unsigned each = (tile + blockDim.x - 1) / blockDim.x, first = threadIdx.x * each;
  T mine = op.identity();
  for (unsigned i = first; i < tile && i < first + each; ++i) mine = op(mine, totals[i]);
  return block_reduce(mine, op, room);
}

}  // namespace ak
