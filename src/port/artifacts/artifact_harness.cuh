// What the test and the benchmark of a ported C function share: its arguments, fuzzed data, and what comes out compared with
// what the C function makes of the same. The data are those of its proof.
#pragma once

#include <cuda_runtime.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

namespace ak {

enum Type { f32, f64, i32, i64 };

struct Parameter {
  const char* name;
  Type type;
  bool pointer, constant;
  bool index, ascending;  // an array of positions in other arrays; and they rise
  bool keeps;             // an extremum
  bool factor;            // of what goes from iteration to iteration
};

// How values are drawn.
// tiny: zeros and denormals; zeros_on_top: negative numbers and zeros, of which the first and the last are not negative; strange:
// what is no number too; still: zeros, among factors from 2 to 4.
enum Values { mixed, positive, negative, ties, tiny, zeros_on_top, zeros_below, infinite, strange, around, still };
enum Spike { never, first, early, late, last, middle };  // one value that is not around the others
enum Indices { permutation, sorted, duplicates, equal, ends };
struct Recipe {
  Values values;
  double center, spread;
  Spike spike;
  double spike_value;
  bool kept;  // what is special stands in arrays that keep an extremum too, and is all of it
  Indices indices;
  unsigned long long seed;
};

// A parameter in one call. Pointers: which memory, from which of its elements on, how many; of positions: from low to high.
struct Argument {
  double real = 0;
  long long integer = 0;
  int memory = 0;
  long long offset = 0, elements = 0, low = 0, high = 0;
};

struct Case {
  const char* name;
  Recipe recipe;
  const Argument* arguments;
};

/// A ported function. args: of each parameter a pointer, for arrays the first element, else the value.
struct Function {
  const char* name;
  const Parameter* parameters;
  int count;
  bool same_bits;  // nothing is computed in another order
  void (*c)(void** args);
  void (*c_in_double)(void** args);  // its floats are doubles
  long long (*scratch_bytes)(void** args);
  int (*launch)(cudaStream_t stream, void* scratch, void** args);  // no scratch: it takes its own
};

template <class T>
T value(void* arg) {
  return *static_cast<T*>(arg);
}

// ---- Memory with guard bands around it.

inline int size_of(Type type) { return type == f32 || type == i32 ? 4 : 8; }
inline bool is_real(Type type) { return type == f32 || type == f64; }

class Memory {
 public:
  static constexpr long long kGuard = 256;  // bytes on each side

  Memory() = default;
  Memory(Type of, long long count)
      : type(of), elements(count), bytes(static_cast<size_t>(2 * kGuard + count * ak::size_of(of)), kPoison) {}

  Type type = f32;
  long long elements = 0;
  std::vector<unsigned char> bytes;

  unsigned char* at(long long i) { return bytes.data() + kGuard + i * size_of(type); }
  const unsigned char* at(long long i) const { return bytes.data() + kGuard + i * size_of(type); }
  template <class T>
  T get(long long i) const {
    T value;
    memcpy(&value, at(i), sizeof value);
    return value;
  }
  template <class T>
  void set(long long i, T value) {
    memcpy(at(i), &value, sizeof value);
  }
  double real(long long i) const { return type == f32 ? get<float>(i) : type == f64 ? get<double>(i) : double(integer(i)); }
  long long integer(long long i) const { return type == i64 ? get<long long>(i) : get<int>(i); }
  void set_real(long long i, double value) { type == f32 ? set(i, static_cast<float>(value)) : set(i, value); }
  void set_integer(long long i, long long value) { type == i32 ? set(i, static_cast<int>(value)) : set(i, value); }

  bool guards_intact() const {
    for (long long i = 0; i < kGuard; ++i)
      if (bytes[static_cast<size_t>(i)] != kPoison || *(at(elements) + i) != kPoison) return false;
    return true;
  }
  Memory in_double() const {
    if (type != f32) return *this;
    Memory wide(f64, elements);
    for (long long i = 0; i < elements; ++i) wide.set(i, static_cast<double>(get<float>(i)));
    return wide;
  }

 private:
  static constexpr unsigned char kPoison = 0xa5;
};

// ---- Data.

class Random {
 public:
  // Mixed, or the row of the next seed were this one's, one further on.
  explicit Random(unsigned long long seed) : state_(mixed(seed + 1)) {}
  unsigned long long next() { return mixed(state_ += 0x9e3779b97f4a7c15u); }  // SplitMix64
  long long below(long long end) {
    return end <= 1 ? 0 : static_cast<long long>(next() % static_cast<unsigned long long>(end));
  }
  double between(double low, double high) { return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  static unsigned long long mixed(unsigned long long z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  unsigned long long state_;
};

inline double draw(Random& random, const Recipe& recipe, Type type) {
  const bool real = is_real(type);
  switch (recipe.values) {
    case mixed:
      return real ? random.between(-2, 2) : static_cast<double>(random.below(201) - 100);
    case positive:
      return real ? random.between(0.25, 2) : static_cast<double>(1 + random.below(100));
    case negative:
      return real ? random.between(-2, -0.25) : static_cast<double>(-1 - random.below(100));
    case ties:
      return real ? recipe.center + recipe.spread * static_cast<double>(random.below(5) - 2) / 2
                  : round(recipe.center) + static_cast<double>(random.below(5) - 2);
    case tiny: {
      if (!real) return random.below(4) ? 0 : static_cast<double>(random.below(3) - 1);
      const double denormal = type == f32 ? 0x1p-149 : 0x1p-1074;
      const long long kind = random.below(8);
      if (kind == 0) return -0.0;
      if (kind < 3) return (kind == 1 ? denormal : -denormal) * static_cast<double>(1 + random.below(1000));
      return kind == 3 ? random.between(-1, 1) : 0;
    }
    case zeros_on_top:
    case zeros_below: {
      if (!real) return random.below(4) ? 0 : static_cast<double>(random.below(3) - 1);
      const double ordinary = (recipe.values == zeros_below ? 1 : -1) * random.between(0.25, 2);
      return random.below(8) ? ordinary : -0.0;
    }
    case infinite: {
      if (!real) return static_cast<double>(random.below(201) - 100);
      const double ordinary = random.between(-2, 2);
      return random.below(32) ? ordinary : copysign(HUGE_VAL, ordinary);
    }
    case strange: {
      if (!real) return static_cast<double>(random.below(201) - 100);
      const double ordinary = random.between(-2, 2);
      return random.below(16) ? ordinary : nan("");
    }
    case around: {
      const double value = random.between(recipe.center - recipe.spread, recipe.center + recipe.spread);
      return real ? value : round(value);
    }
    case still:
      return real ? 0 : static_cast<double>(random.below(201) - 100);
  }
  return 0;
}

inline bool is_special(double value, Values values) {
  return values == infinite ? isinf(value) : values == strange ? isnan(value) : value == 0;
}

// What an array that keeps an extremum has at first: what is special, or nothing of it.
inline double draw_kept(Random& random, const Recipe& recipe, Type type) {
  const bool shaped = recipe.values == zeros_on_top || recipe.values == zeros_below || recipe.values == infinite ||
                      recipe.values == strange;
  if (recipe.values == around && recipe.kept && recipe.spike != never) return recipe.spike_value;
  double value = draw(random, recipe, type);
  while (shaped && is_special(value, recipe.values) != recipe.kept) value = draw(random, recipe, type);
  return value;
}

inline void fill(Memory& memory, const Recipe& recipe, unsigned long long seed, bool keeps) {
  Random random(seed);
  const bool real = is_real(memory.type);
  const auto set = [&](long long i, double value) {
    real ? memory.set_real(i, value) : memory.set_integer(i, static_cast<long long>(value));
  };
  for (long long i = 0; i < memory.elements; ++i)
    set(i, real && keeps ? draw_kept(random, recipe, memory.type) : draw(random, recipe, memory.type));
  if (keeps) return;
  if ((recipe.values == zeros_on_top || recipe.values == zeros_below) && real) {
    long long zero = -1;
    for (long long i = 0; i < memory.elements; ++i)
      if (memory.real(i) == 0 && (zero < 0 || recipe.spike != first)) zero = i;
    if (zero >= 0) memory.set_real(zero, 0);
  }
  if (recipe.values != around || recipe.spike == never || memory.elements == 0) return;
  const long long end = memory.elements - 1;
  const long long at = recipe.spike == first    ? 0
                       : recipe.spike == early  ? std::min(2LL, end)
                       : recipe.spike == middle ? memory.elements / 2
                       : recipe.spike == late   ? end - memory.elements / 20
                                                : end;
  set(at, real ? recipe.spike_value : round(recipe.spike_value));
}

inline void fill_positions(Memory& memory, const Parameter& parameter, const Argument& argument, Indices kind,
                           unsigned long long seed) {
  Random random(seed);
  const long long count = argument.elements, low = argument.low, choices = argument.high - low + 1;
  std::vector<long long> all(static_cast<size_t>(count));
  for (size_t i = 0; i < all.size(); ++i) {
    const long long k = static_cast<long long>(i);
    all[i] = kind == duplicates ? low + random.below(std::min(choices, 1 + count / 4))
             : kind == equal    ? low + choices / 2
             : kind == ends     ? (random.below(2) ? low : argument.high)
                                : low + k % choices;
  }
  if (kind == permutation)
    for (size_t i = all.size(); i > 1; --i)
      std::swap(all[i - 1], all[static_cast<size_t>(random.below(static_cast<long long>(i)))]);
  if (kind == sorted || parameter.ascending) std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) memory.set_integer(argument.offset + static_cast<long long>(i), all[i]);
}

inline std::vector<Memory> make_memories(const Function& function, const Case& of) {
  std::vector<Memory> memories;
  for (int p = 0; p < function.count; ++p) {
    const Parameter& parameter = function.parameters[p];
    const Argument& argument = of.arguments[p];
    if (!parameter.pointer) continue;
    const size_t which = static_cast<size_t>(argument.memory);
    if (memories.size() <= which) memories.resize(which + 1);
    // Arrays that overlap lie in one memory.
    const long long end = std::max(memories[which].elements, argument.offset + argument.elements);
    memories[which] = Memory(parameter.type, end);
  }
  long long longest = 0;
  for (const Memory& memory : memories) longest = std::max(longest, memory.elements);
  for (size_t m = 0; m < memories.size(); ++m) {
    // What is as long as all others is sorted, or so: it keeps no extremum of them.
    const long long length = memories[m].elements;
    bool keeps = false, factor = false;
    for (int p = 0; p < function.count; ++p) {
      if (!function.parameters[p].pointer || of.arguments[p].memory != static_cast<int>(m)) continue;
      keeps |= function.parameters[p].keeps, factor |= function.parameters[p].factor;
    }
    keeps = keeps && (length == 1 ? longest > 1 : length * 8 <= longest);
    Recipe recipe = of.recipe;
    if (recipe.values == still && factor) recipe.values = around, recipe.center = 3, recipe.spread = 1, recipe.spike = never;
    fill(memories[m], recipe, of.recipe.seed * 1000 + m, keeps);
  }
  for (int p = 0; p < function.count; ++p)
    if (function.parameters[p].index)
      fill_positions(memories[static_cast<size_t>(of.arguments[p].memory)], function.parameters[p], of.arguments[p],
                     of.recipe.indices, of.recipe.seed * 1000 + 500 + static_cast<unsigned long long>(p));
  return memories;
}

/// What a call is given: pointers into memories that begin at these addresses, and values.
class Call {
 public:
  Call(const Function& function, const Case& of, const std::vector<unsigned char*>& bases, bool in_double = false)
      : values_(static_cast<size_t>(function.count)) {
    for (int p = 0; p < function.count; ++p) {
      const Parameter& parameter = function.parameters[p];
      const Argument& argument = of.arguments[p];
      const Type type = in_double && parameter.type == f32 ? f64 : parameter.type;
      void* const value = &values_[static_cast<size_t>(p)];
      if (parameter.pointer) {
        args_.push_back(bases[static_cast<size_t>(argument.memory)] + argument.offset * size_of(type));
        continue;
      }
      if (type == f32) *static_cast<float*>(value) = static_cast<float>(argument.real);
      if (type == f64) *static_cast<double*>(value) = argument.real;
      if (type == i32) *static_cast<int*>(value) = static_cast<int>(argument.integer);
      if (type == i64) *static_cast<long long*>(value) = argument.integer;
      args_.push_back(value);
    }
  }
  Call(const Call&) = delete;
  void** args() { return args_.data(); }

 private:
  union Value {
    float f;
    double d;
    int i;
    long long l;
  };
  std::vector<Value> values_;
  std::vector<void*> args_;
};

inline std::vector<unsigned char*> bases(std::vector<Memory>& memories) {
  std::vector<unsigned char*> all;
  for (Memory& memory : memories) all.push_back(memory.at(0));
  return all;
}

inline bool is_written(const Function& function, const Case& of, size_t memory) {
  for (int p = 0; p < function.count; ++p)
    if (function.parameters[p].pointer && !function.parameters[p].constant &&
        static_cast<size_t>(of.arguments[p].memory) == memory)
      return true;
  return false;
}

// ---- The GPU. What goes wrong there ends the program with one line.

inline void check(int error, const Function& function, const char* where) {
  const cudaError_t code = static_cast<cudaError_t>(error);
  if (code == cudaSuccess) return;
  printf("%s: %s: %s (%s)\n", function.name, where, cudaGetErrorString(code), cudaGetErrorName(code));
  exit(1);
}

class Device {
 public:
  Device(const Function& function, const Case& of, std::vector<Memory>& memories, bool with_scratch)
      : function_(function), of_(of), host_(memories) {
    for (Memory& memory : host_) {
      void* data = nullptr;
      check(cudaMalloc(&data, memory.bytes.size()), function_, of_.name);
      data_.push_back(static_cast<unsigned char*>(data));
      bases_.push_back(data_.back() + Memory::kGuard);
    }
    check(cudaStreamCreate(&stream_), function_, of_.name);
    call_.reset(new Call(function_, of_, bases_));
    const long long bytes = with_scratch ? function_.scratch_bytes(call_->args()) : 0;
    if (bytes > 0) check(cudaMalloc(&scratch_, static_cast<size_t>(bytes)), function_, of_.name);
  }
  ~Device() {
    for (unsigned char* data : data_) cudaFree(data);
    cudaFree(scratch_);
    cudaStreamDestroy(stream_);
  }
  void copy_in() {
    for (size_t m = 0; m < data_.size(); ++m)
      check(cudaMemcpyAsync(data_[m], host_[m].bytes.data(), host_[m].bytes.size(), cudaMemcpyHostToDevice, stream_), function_,
            of_.name);
  }
  void launch() { check(function_.launch(stream_, scratch_, call_->args()), function_, of_.name); }
  void copy_out(std::vector<Memory>& to, bool all) {
    for (size_t m = 0; m < data_.size(); ++m)
      if (all || is_written(function_, of_, m))
        check(cudaMemcpyAsync(to[m].bytes.data(), data_[m], to[m].bytes.size(), cudaMemcpyDeviceToHost, stream_), function_,
              of_.name);
    wait();
  }
  void wait() { check(cudaStreamSynchronize(stream_), function_, of_.name); }
  cudaStream_t stream() const { return stream_; }

 private:
  const Function& function_;
  const Case& of_;
  std::vector<Memory>& host_;
  std::vector<unsigned char*> data_, bases_;
  std::unique_ptr<Call> call_;
  void* scratch_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

}  // namespace ak
