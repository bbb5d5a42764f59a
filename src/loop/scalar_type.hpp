// The types that a loop computes with.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ak::loop {

enum class ScalarType : std::uint8_t { none, f32, f64, i32, i64 };  // none: a function that returns nothing

constexpr std::string_view name(ScalarType type) {
  constexpr std::string_view kNames[] = {"void", "f32", "f64", "i32", "i64"};
  return kNames[static_cast<int>(type)];
}

/// As C, CUDA C++ and the emulator's C++ write it; i64 is long long everywhere.
constexpr std::string_view c_name(ScalarType type) {
  constexpr std::string_view kNames[] = {"void", "float", "double", "int", "long long"};
  return kNames[static_cast<int>(type)];
}

constexpr int size_of(ScalarType type) {
  constexpr int kBytes[] = {0, 4, 8, 4, 8};
  return kBytes[static_cast<int>(type)];
}

constexpr bool is_real(ScalarType type) { return type == ScalarType::f32 || type == ScalarType::f64; }

/// Of name(); nothing for any other word.
constexpr std::optional<ScalarType> scalar_type(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(ScalarType::i64); ++i)
    if (name(static_cast<ScalarType>(i)) == word) return static_cast<ScalarType>(i);
  return std::nullopt;
}

}  // namespace ak::loop
