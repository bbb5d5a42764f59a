// Little-endian fields, written and read one at a time. Grammar: cache/README.md.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/hash.hpp"

namespace ak {

class ByteWriter {
 public:
  template <std::integral T>
  void put(T value) {
    auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i, bits = static_cast<decltype(bits)>(bits >> 7 >> 1))
      bytes_ += static_cast<char>(bits & 0xff);
  }
  void put(bool value) { put(static_cast<std::uint8_t>(value)); }
  void put(double value) { put(std::bit_cast<std::uint64_t>(value)); }
  void put(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
  }
  void put(const Digest& digest) { put(digest.high), put(digest.low); }

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads past the end give zeros and clear ok(): a caller reads all fields, then asks once.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <std::integral T>
  T get() {
    if (!enough(sizeof(T))) return 0;
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    rest_.remove_prefix(sizeof(T));
    return static_cast<T>(bits);
  }
  bool flag() { return get<std::uint8_t>() != 0; }
  double real() { return std::bit_cast<double>(get<std::uint64_t>()); }
  std::string_view text() {
    const auto size = get<std::uint32_t>();
    if (!enough(size)) return {};
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  Digest digest() {
    const auto high = get<std::uint64_t>();
    return {high, get<std::uint64_t>()};
  }

  bool ok() const { return ok_; }
  bool done() const { return rest_.empty(); }
  /// What was read, where that were all of the bytes and no more.
  template <class Message>
  std::optional<Message> whole(Message message) const {
    return ok() && done() ? std::optional(std::move(message)) : std::nullopt;
  }
  void fail() { ok_ = false; }

 private:
  bool enough(std::size_t size) { return ok_ = ok_ && rest_.size() >= size; }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace ak
