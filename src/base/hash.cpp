#include "base/hash.hpp"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

namespace ak {

std::string Digest::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

std::array<unsigned char, 16> Digest::bytes() const {
  std::array<unsigned char, 16> out;
  for (int i = 0; i < 8; ++i) {
    out[i] = static_cast<unsigned char>(high >> (56 - 8 * i));
    out[8 + i] = static_cast<unsigned char>(low >> (56 - 8 * i));
  }
  return out;
}

Digest digest(std::string_view bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return {h.high64, h.low64};
}

Hasher& Hasher::field(std::string_view tag, std::string_view bytes) {
  fmt::format_to(std::back_inserter(buffer_), "{}:{}:{}:", tag.size(), tag, bytes.size());
  buffer_.append(bytes);
  return *this;
}

Hasher& Hasher::field(std::string_view tag, std::int64_t value) { return field(tag, fmt::format("{}", value)); }

Digest Hasher::digest() const { return ak::digest(buffer_); }

}  // namespace ak
