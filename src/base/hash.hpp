// 128-bit content digests (XXH3). Every field is hashed with its tag, so that moving bytes between fields changes the digest.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ak {

struct Digest {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Digest&) const = default;
  std::string hex() const;                      ///< 32 lower-case hexadecimal digits
  std::array<unsigned char, 16> bytes() const;  ///< big-endian, for keys and records
};

Digest digest(std::string_view bytes);

/// Accumulates tagged fields: Hasher().field("source", text).field("options", flags).digest()
class Hasher {
 public:
  Hasher& field(std::string_view tag, std::string_view bytes);
  Hasher& field(std::string_view tag, std::int64_t value);
  Digest digest() const;

 private:
  std::string buffer_;
};

}  // namespace ak
