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

std::string one_line(std::string_view text, std::size_t most) {
  std::string line;
  while (!text.empty()) {
    const std::size_t size = character(text), bytes = std::max(size, std::size_t{1});
    if (line.size() + bytes > most) break;
    const auto first = static_cast<unsigned char>(text[0]), second = static_cast<unsigned char>(bytes > 1 ? text[1] : 0);
    const bool control = first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0);  // C1 as well
    if (control || size == 0)
      line += ' ';
    else
      line += text.substr(0, size);
    text.remove_prefix(bytes);
  }
  return line;
}

}  // namespace ak
