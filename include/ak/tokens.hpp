// TokenRange: how many tokens calls may have.
#pragma once

#include <cstdint>

namespace ak {

/// Numbers of rows of a row-major D, or of columns of a column-major one, which are a model's tokens: from `from` to `to`, both
/// included; {0, 0}: none.
struct TokenRange {
  std::int64_t from = 0, to = 0;
  constexpr bool none() const { return to == 0; }
  constexpr bool holds(std::int64_t m) const { return from <= m && m <= to; }
  constexpr bool operator==(const TokenRange& other) const { return from == other.from && to == other.to; }
  constexpr bool operator!=(const TokenRange& other) const { return !(*this == other); }
};

}  // namespace ak
