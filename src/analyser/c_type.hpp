// A C type as clang writes it, as far as loops know types.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loop/scalar_type.hpp"

namespace ak::analyser {

struct CType {
  enum class Shape : std::uint8_t { nothing, scalar, pointer, array, other };
  Shape shape = Shape::other;
  loop::ScalarType scalar = loop::ScalarType::none;  // of the value, or of the elements
  bool is_unsigned = false;                          // then `scalar` is the wider i64
  bool is_narrow = false;                            // of 32 bits, if unsigned
  bool constant = false;                             // the value, or the elements
  // Of an array: all; of a pointer: those of what it points to. Nothing where it is not a number.
  std::vector<std::optional<std::int64_t>> extents;
  std::string spelled;  // for a refusal
  std::string means;    // of Shape::other: the last name that typedefs lead to

  bool is_scalar() const { return shape == Shape::scalar; }
  bool is_pointer() const { return shape == Shape::pointer; }
  bool is_array() const { return shape == Shape::array; }
};

using Typedefs = std::map<std::string, std::string, std::less<>>;

/// From "const real_t *restrict", "float (*)[256]", "float[n][8]". What is not known, structs among it, is Shape::other.
CType c_type(std::string_view text, const Typedefs& typedefs);

/// What to do about a type that is not supported: ": make it int"; empty where nothing is known. `local`: of a variable in the
/// function, which nobody passes.
std::string remedy(const CType& type, bool local = false);

}  // namespace ak::analyser
