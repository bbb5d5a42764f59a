#include "base/text.hpp"

#include <simdjson.h>

#include <algorithm>

namespace ak {

std::size_t character(std::string_view text) {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return size <= text.size() && simdjson::validate_utf8(text.data(), size) ? size : 0;
}

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(std::max(character(text), std::size_t{1}));
  return count;
}

bool is_control(std::string_view character) {
  if (character.empty()) return false;
  const auto first = static_cast<unsigned char>(character[0]);
  const bool c1 = first == 0xc2 && character.size() > 1 && static_cast<unsigned char>(character[1]) < 0xa0;
  return first < 0x20 || first == 0x7f || c1;
}

std::string one_line(std::string_view text, std::size_t most) {
  std::string line;
  while (!text.empty()) {
    const std::size_t size = character(text), bytes = std::max(size, std::size_t{1});
    if (line.size() + bytes > most) break;
    const std::string_view next = text.substr(0, bytes);
    line += size == 0 || is_control(next) ? " " : next;
    text.remove_prefix(bytes);
  }
  return line;
}

}  // namespace ak
