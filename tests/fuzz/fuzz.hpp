// What the fuzz targets share. A target decodes bytes of any origin: it may refuse them, by its documented error alone, and
// what it takes must come back the same when written and read again.
#pragma once

#include <simdjson.h>

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

/// UTF-8 without control characters, of ASCII or of C1, but for those kept.
inline bool printable(std::string_view text, std::string_view kept = "\n") {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (((byte < 0x20 || byte == 0x7f) && kept.find(text[i]) == kept.npos) || c1) return false;
  }
  return simdjson::validate_utf8(text.data(), text.size());
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
