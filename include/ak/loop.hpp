// Loops: a C function's loops as GPU kernels that are proven against the function, kept, and launched like it is called.
//
//   void smooth_c(int n, float a[n], const float b[n + 1]);           // filters.c, compiled into this program too
//   ak::Loop smooth = context.loop("filters.c", "smooth_c", &smooth_c);
//   smooth(stream, n, a, b);                                          // device pointers, C's order
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ak/ak.hpp"

namespace ak {

/// float, double, and signed integers of 32 and 64 bits; pointers to them, to const ones, and to arrays of them.
enum class LoopScalar : std::uint8_t { none, f32, f64, i32, i64 };

struct LoopType {
  LoopScalar scalar = LoopScalar::none;  // of a null pointer: none, which fits every pointer
  bool pointer = false, constant = false;
};

template <class T>
constexpr LoopScalar loop_scalar() {
  if constexpr (std::is_same_v<T, float>) return LoopScalar::f32;
  if constexpr (std::is_same_v<T, double>) return LoopScalar::f64;
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 4) return LoopScalar::i32;
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 8) return LoopScalar::i64;
  return LoopScalar::none;
}

template <class T>
constexpr LoopType loop_type() {
  if constexpr (std::is_same_v<T, std::nullptr_t>) {
    return {LoopScalar::none, true, true};
  } else if constexpr (std::is_pointer_v<T>) {
    using Element = std::remove_all_extents_t<std::remove_pointer_t<T>>;
    constexpr LoopScalar scalar = loop_scalar<std::remove_cv_t<Element>>();
    static_assert(scalar != LoopScalar::none, "a loop's arrays are of float, double, or signed integers of 32 or 64 bits");
    return {scalar, true, std::is_const_v<Element>};
  } else {
    constexpr LoopScalar scalar = loop_scalar<std::remove_cv_t<T>>();
    static_assert(scalar != LoopScalar::none,
                  "a loop takes float, double, signed integers of 32 or 64 bits, and pointers to them");
    return {scalar, false, false};
  }
}

/// The caller's own compiled function: what a loop's kernels must beat, and what serves data in the host's memory. The library
/// never loads compiled C into this process.
struct LoopHost {
  void (*function)() = nullptr;
  /// arguments: the address of each value in C's order; before them that of the result, where there is one.
  void (*run)(void (*function)(), void* const* arguments) = nullptr;
  std::vector<LoopType> types;  // of the result (none: void), then of the parameters; empty: not known, as in C

  LoopHost() = default;
  LoopHost(std::nullptr_t) {}
  template <class R, class... P>
  LoopHost(R (*of)(P...))
      : function(reinterpret_cast<void (*)()>(of)), run(&run_as<R, P...>), types{result_type<R>(), loop_type<P>()...} {}

 private:
  template <class R>
  static constexpr LoopType result_type() {
    if constexpr (std::is_void_v<R>)
      return {};
    else
      return loop_type<R>();
  }
  template <class R, class... P>
  static void run_as(void (*function)(), void* const* arguments) {
    run_with<R, P...>(reinterpret_cast<R (*)(P...)>(function), arguments, std::index_sequence_for<P...>());
  }
  template <class R, class... P, std::size_t... I>
  static void run_with(R (*function)(P...), void* const* arguments, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<R>)
      function(*static_cast<std::remove_cv_t<P>*>(arguments[I])...);
    else
      *static_cast<R*>(arguments[0]) = function(*static_cast<std::remove_cv_t<P>*>(arguments[I + 1])...);
  }
};

/// Where the arrays of all calls of a loop lie.
enum class LoopResidency : std::uint8_t {
  ask,     ///< wherever: each call asks the driver of each array that is not on the heap, static or on the stack
  device,  ///< kernels reach them all: device or managed memory
  host     ///< the program does: what it allocated itself, pinned memory, managed memory
};

struct LoopOptions {
  std::string text;                ///< the source itself; the file then only names it
  std::vector<std::string> flags;  ///< the compiler's: -I, -D, -std
  /// Of parameters whose length neither their text nor their subscripts tell; or where data decide how far an array is used,
  /// which then is not copied without.
  std::map<std::string, std::string> lengths;
  /// A promise, for calls that are to cost no question. A call that is the first of its kind is held to it, and refused by the
  /// argument's name; later ones are not: a device pointer then faults in the C function, a host pointer in the kernel, which
  /// ends CUDA in the process.
  LoopResidency residency = LoopResidency::ask;
  /// A promise that nothing on the stream reads or writes the arrays that calls have in the host's memory, not even a host
  /// function (cudaLaunchHostFunc): where the C function serves them, it then does not wait for what is on the stream.
  bool unordered = false;
};

/// One C function in a context, which it must not outlive. A value; thread-safe. Once its last copy is gone no thread of the
/// library's runs the host function any more: that waits for the one which is in it.
class Loop {
 public:
  /// Enqueues what the function does on the stream, in the function's own order of arguments, before them a pointer to where
  /// what it returns goes, behind them, by name, the variables of file scope that it uses: arrays, and scalars that it writes,
  /// as pointers; the host function has its own of them and does not serve then. Device pointers, or all of them host pointers:
  /// then the call returns when it is done. The first call of a kind of call (values that steer subscripts, how arrays overlap)
  /// analyses, generates, proves and times kernels within AK_LOOP_BUDGET_S, and works; later ones launch. In a capture a loop
  /// that is not known runs as one GPU thread. Throws Error{invalid_argument} that names the argument, Error{unsupported} where
  /// nothing can serve it.
  template <class... Arguments>
  void operator()(Stream stream, Arguments... arguments) const {
    static constexpr LoopType types[] = {loop_type<Arguments>()..., LoopType{}};
    void* const values[] = {&arguments..., nullptr};
    call(stream, types, values, sizeof...(Arguments));
  }

  /// The same without the call: analysed, proven, timed, kept. The arrays are neither read nor written.
  template <class... Arguments>
  Explanation prepare(Arguments... arguments) const {
    static constexpr LoopType types[] = {loop_type<Arguments>()..., LoopType{}};
    void* const values[] = {&arguments..., nullptr};
    return prepare_call(types, values, sizeof...(Arguments));
  }

  /// What serves such a call, why, against what: vendor_us is the C function's time. Starts nothing.
  template <class... Arguments>
  Explanation explain(Arguments... arguments) const {
    static constexpr LoopType types[] = {loop_type<Arguments>()..., LoopType{}};
    void* const values[] = {&arguments..., nullptr};
    return explain_call(types, values, sizeof...(Arguments));
  }

  /// For languages that have no argument packs: the address of each value, and its type; null: they are of types().
  AK_API void call(Stream stream, const LoopType* types, void* const* values, std::size_t count) const;
  AK_API Explanation prepare_call(const LoopType* types, void* const* values, std::size_t count) const;
  AK_API Explanation explain_call(const LoopType* types, void* const* values, std::size_t count) const;
  /// Of its parameters, the result's pointer first, as call() takes them.
  AK_API std::vector<LoopType> types() const;
  /// Grows when other kernels, or the C function by the guard's word, come to serve some of its calls on the device that is
  /// current: graphs that hold them are worth capturing again.
  AK_API std::uint64_t epoch() const;

  class State;
  explicit Loop(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

}  // namespace ak
