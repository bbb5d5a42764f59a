// What the fuzz targets share. A target decodes bytes of any origin: it may refuse them, by its documented error alone, and
// what it takes must come back the same when written and read again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "ak/types.hpp"

namespace ak::fuzz {

inline std::string_view view(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  __builtin_trap();
}

/// What the decoder made, or nullptr-like (a default) when it refused; any other exception is a finding.
template <class Use>
void taken_or_refused(Use&& use) {
  try {
    use();
  } catch (const Error& error) {
    require(error.code() == ErrorCode::invalid_argument, "a refusal is an invalid argument");
  }
}

}  // namespace ak::fuzz
