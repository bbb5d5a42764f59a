// One call of a loop: the values of its arguments, and the memory that they point to. The oracle, the emulator and the GPU all
// run it, each on a copy.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "loop/function.hpp"

namespace ak::port {

/// An array with guard bands around it.
struct Memory {
  static constexpr std::int64_t kGuardBytes = 256;      // on each side; a multiple of every vector access
  static constexpr std::uint32_t kPoison = 0x7fa5a5a5;  // a NaN; as an index out of every array

  loop::ScalarType type = loop::ScalarType::f32;
  std::int64_t elements = 0;
  std::vector<std::byte> bytes;  // guard, elements, guard (rounded up to whole words)

  Memory() = default;
  Memory(loop::ScalarType of, std::int64_t count);  // all of it poison

  std::byte* first() { return bytes.data() + kGuardBytes; }
  const std::byte* first() const { return bytes.data() + kGuardBytes; }
  bool guards_intact() const;

  template <class T>
  T get(std::int64_t at) const {
    T value;
    std::memcpy(&value, first() + at * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    return value;
  }
  template <class T>
  void set(std::int64_t at, T value) {
    std::memcpy(first() + at * static_cast<std::int64_t>(sizeof(T)), &value, sizeof(T));
  }
  /// As numbers, of whatever type it is. set_real rounds to it.
  double real(std::int64_t at) const;
  std::int64_t integer(std::int64_t at) const;
  void set_real(std::int64_t at, double value);
  void set_integer(std::int64_t at, std::int64_t value);

  bool operator==(const Memory&) const = default;
};

struct Argument {
  std::string name;
  loop::ScalarType type = loop::ScalarType::f32;
  bool pointer = false, constant = false;
  int memory = 0;  // of a pointer: which, and at which of its elements it begins
  std::int64_t offset = 0;
  std::int64_t elements = 0;
  std::int64_t integer = 0;  // of a value
  double real = 0;

  bool operator==(const Argument&) const = default;
};

/// `pointer` = `base` + offset elements: the class of calls whose arguments overlap in this way.
struct Overlap {
  std::string pointer, base;
  std::int64_t offset = 0;
  bool operator==(const Overlap&) const = default;
};

struct Case {
  std::string name;                 // "n=257 ties"
  std::vector<Argument> arguments;  // as kernels take them: the result's pointer first, where there is one
  std::vector<Memory> memories;

  loop::Values integers() const;  // of the integer parameters
  bool operator==(const Case&) const = default;
};

/// With memory for every pointer, poisoned, and these values of the integer parameters. Throws Error{invalid_argument} that
/// names the parameter: a length that is not known or cannot be computed, an overlap of unlike types or with what is not there.
Case laid_out(const loop::Function& function, const loop::Values& integers, const std::vector<Overlap>& overlaps = {});

/// Where array `memory`'s element `at` is what argument: "a[5]", for a person.
std::string element_name(const Case& of, int memory, std::int64_t at);

/// The memories as the function compiled in double has them: f32 widened.
std::vector<Memory> widened(const std::vector<Memory>& memories);

}  // namespace ak::port
